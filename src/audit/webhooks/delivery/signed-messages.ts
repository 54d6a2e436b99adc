import { LRUCache } from 'lru-cache';
import { Webhook as Signer } from 'standardwebhooks';
import type { Clock, EventLog } from '../../../event-sourcing/event-log/index.js';
import { feedEvent } from '../../feed/event-frames.js';
import type { SigningSecrets } from '../signing-secrets.js';
import { signingVersions, type Webhook } from '../state.js';
import type { Message } from './sender.js';

/** Many webhooks get the same event at about the same time. */
const KEPT_CHARACTERS = 8_000_000;

interface Body {
  readonly eventId: string;
  readonly text: string;
}

/**
 * Makes what is sent: an event as the feed gives it to those who may not see configs of environments, signed by the
 * Standard Webhooks rules with each secret that counts at the time.
 */
export class Messages {
  private readonly bodies = new LRUCache<number, Body>({
    maxSize: KEPT_CHARACTERS,
    sizeCalculation: ({ text }) => text.length,
  });

  constructor(
    private readonly log: EventLog,
    private readonly clock: Clock,
    private readonly secrets: SigningSecrets,
    private readonly userAgent: string,
  ) {
    log.history.onAnother(() => this.bodies.clear());
  }

  /** Reads the events at these positions, as far as they are not known, with one query. */
  async prepare(positions: readonly number[]): Promise<void> {
    const missing = [...new Set(positions)].filter((position) => !this.bodies.has(position));
    if (missing.length === 0) return;
    for (const event of await this.log.read.at(missing)) {
      this.bodies.set(event.position, { eventId: event.id, text: JSON.stringify(feedEvent(event, false)) });
    }
  }

  /** @throws DriverError secret_unavailable */
  async of(webhook: Webhook, position: number): Promise<Message> {
    if (!this.bodies.has(position)) await this.prepare([position]);
    const body = this.bodies.get(position);
    if (!body) throw new Error(`The event at ${position} is too large to send.`);
    const { eventId, text } = body;
    const now = this.clock.date();
    const versions = signingVersions(webhook, now.toISOString());
    const secrets = await Promise.all(versions.map((version) => this.secrets.open(webhook, version)));
    return {
      url: webhook.url,
      headers: {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(text)),
        'user-agent': this.userAgent,
        'webhook-id': eventId,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
        'webhook-signature': secrets.map((secret) => new Signer(secret).sign(eventId, now, text)).join(' '),
      },
      body: text,
    };
  }
}
