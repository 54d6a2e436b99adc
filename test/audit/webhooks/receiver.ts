import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import type { RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: RecordedEvent;
  readonly at: number;
}

/** How a request is answered: a status, `drop` for a connection that breaks, or `hang` for no answer at all. */
export type Reaction = number | 'drop' | 'hang';

/** A receiver of webhooks on loopback, as its owner would write it. */
export class Receiver {
  /** All that has arrived, whatever was answered. */
  readonly requests: Received[] = [];
  /** What was answered with 200, in that order. */
  readonly taken: Received[] = [];
  /** Asked for each request. */
  react: (received: Received) => Reaction | Promise<Reaction> = () => 200;
  /** Headers of the answers. */
  headers: Record<string, string> = {};
  answer = 'thanks';
  /** Requests that it has not answered yet, now and at most. */
  open = 0;
  mostOpen = 0;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    server.on('request', (request, response) => {
      void (async () => {
        receiver.open += 1;
        receiver.mostOpen = Math.max(receiver.mostOpen, receiver.open);
        const body = await text(request);
        const event = JSON.parse(body === '' ? 'null' : body) as RecordedEvent;
        const received = { headers: request.headers, body, event, at: performance.now() };
        receiver.requests.push(received);
        const reaction = await receiver.react(received);
        receiver.open -= 1;
        if (reaction === 'hang') return;
        if (reaction === 'drop') {
          request.socket.destroy();
          return;
        }
        // Whoever asks for it to be sent has it only once the answer is out.
        if (reaction === 200) receiver.taken.push(received);
        response.writeHead(reaction, receiver.headers).end(receiver.answer);
      })().catch(() => request.socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** Positions of what it has taken. */
  get positions(): number[] {
    return this.taken.map(({ event }) => event.position);
  }

  /** Positions of what it has taken, each once, as they first came. */
  get firstTaken(): number[] {
    return [...new Set(this.positions)];
  }

  async until(reached: () => boolean, timeoutMs = 20_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!reached()) {
      if (performance.now() > deadline) throw new Error(`It has not come to that: ${this.positions.join(' ')}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Breaks those that nothing is under way on too. */
  dropConnections(): void {
    this.server.closeAllConnections();
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** What the library says of a request. @throws WebhookVerificationError */
export function verify({ body, headers }: Received, secret: string): unknown {
  return new Webhook(secret).verify(body, headers as Record<string, string>);
}

/** @throws Error where something of a stream came before what goes before it. Repetitions are allowed. */
export function expectOrderPerStream(taken: readonly Received[]): void {
  const newest = new Map<string, number>();
  const seen = new Set<number>();
  for (const { event } of taken) {
    const before = newest.get(event.stream) ?? 0;
    if (event.position < before && !seen.has(event.position)) {
      throw new Error(`${event.position} of ${event.stream} came after ${before}.`);
    }
    seen.add(event.position);
    newest.set(event.stream, Math.max(before, event.position));
  }
}
