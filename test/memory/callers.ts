import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { leave } from '../support/leave.js';
import type { Asked } from './requests.js';

/** How long after its request a caller leaves; null: it stays for its answer. */
export type Stays = number | null;

const BUSY = 12;

/** Many callers of one service at a time. */
export class Callers {
  private readonly agent = new Agent({ keepAlive: true });
  /** The statuses of those who stayed. */
  readonly answered = new Map<string, number>();

  constructor(private readonly url: string) {}

  /** @param next the next of so many requests, or null where there is none to be sent */
  async all(
    count: number,
    next: (index: number) => Promise<{ name: string; asked: Asked; stays: Stays }>,
  ): Promise<void> {
    let index = 0;
    const work = async (): Promise<void> => {
      while (index < count) {
        index += 1;
        const { name, asked, stays } = await next(index - 1);
        if (stays === null) await this.stay(name, asked);
        else await leave(this.url + asked.path, optionsOf(asked), asked.body, stays);
      }
    };
    await Promise.all(Array.from({ length: BUSY }, work));
    this.agent.destroy();
  }

  private async stay(name: string, asked: Asked): Promise<void> {
    const status = await this.answerOf(asked);
    const key = `${name} ${status}`;
    this.answered.set(key, (this.answered.get(key) ?? 0) + 1);
    // The service is behind with what it does by itself.
    if (status === 429 || status === 503) await pause(50);
  }

  private answerOf(asked: Asked): Promise<number> {
    return new Promise((resolve, reject) => {
      const sent = request(this.url + asked.path, { ...optionsOf(asked), agent: this.agent }, (response) => {
        const { statusCode = 0, headers } = response;
        // It has no end.
        if (headers['content-type']?.startsWith('text/event-stream')) response.once('data', () => response.destroy());
        response.resume().on('close', () => resolve(statusCode));
      });
      sent.on('error', reject).end(asked.body);
    });
  }
}

function optionsOf({ method, headers, body }: Asked) {
  return { method, headers: { ...headers, 'content-length': Buffer.byteLength(body) } };
}
