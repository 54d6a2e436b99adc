import type { PoolClient } from 'pg';
import type { EventLog, LogTransaction, Recorded, RecordedEvent } from '../../../event-sourcing/event-log/index.js';
import type { OwnerTurn, Subscription } from '../../../event-sourcing/subscriptions/index.js';
import { isAboutWebhooks, webhookStream, type WebhookEvent } from '../events.js';
import { evolveWebhook, initialWebhook } from '../state.js';
import { addEntries, beginAnew, withdrawFrom, type Entry } from './outbox.js';
import { readOptionsOf, Selections } from './selections.js';
import {
  deleteWebhook,
  findBehind,
  insertWebhook,
  lockLive,
  lockWebhook,
  lockWebhooksOf,
  updateWebhook,
} from './webhook-rows.js';

export const WEBHOOKS_SUBSCRIPTION = 'webhooks';
/** Where workers are told that something was put in the outbox. */
export const OUTBOX_CHANNEL = 'leasehold_webhooks';

/** Undelivered events of one webhook, at most: the rest waits in the log. */
const MAX_PENDING = 5_000;
const PAGE = 500;
const BEHIND_AT_ONCE = 10;
/** What is new does not wait longer for those who catch up. */
const TURN_MS = 200;

/**
 * Puts in the outbox what each webhook wants, in the order of the log. Where a webhook stands moves in the transaction in
 * which the subscription's checkpoint does: those that are live stand where it stands; those that were resumed, that want
 * something again or that had no more room are filled from the log until they stand there too.
 *
 * The commit does not wait for the disk: what a crash of Postgres undoes, checkpoint and all, is done again.
 */
export class Filling implements Subscription {
  readonly name = WEBHOOKS_SUBSCRIPTION;
  private readonly selections: Selections;

  constructor(private readonly log: EventLog) {
    this.selections = new Selections(log);
  }

  async handle(events: readonly RecordedEvent[], { client }: LogTransaction): Promise<void> {
    await client.query('SET LOCAL synchronous_commit = off');
    const parts = partsOf(events);
    // Part by part they would be locked in no order.
    if (parts.length > 1) await lockWebhooksOf(client, companiesOf(events));
    for (const part of parts) {
      const [first] = part;
      if (first && isAboutWebhooks(first)) await this.apply(client, first as Recorded<WebhookEvent>);
      else await this.fill(client, part);
    }
  }

  /** The receiver may understand it. Events about webhooks themselves must be understood here. */
  takesNewer(event: RecordedEvent): boolean {
    return !event.stream.startsWith(webhookStream(''));
  }

  /** What was to be sent of events that the log does not have is not sent; what was sent is not sent again. */
  async anotherHistory({ client }: LogTransaction, head: number): Promise<number> {
    await client.query('DELETE FROM webhook_deliveries WHERE position > $1', [head]);
    await client.query(
      `UPDATE webhooks w SET cursor = LEAST(cursor, $1),
              pending = (SELECT count(*) FROM webhook_deliveries d WHERE d.webhook_id = w.id)`,
      [head],
    );
    return head;
  }

  async reachedHead(turn: OwnerTurn): Promise<void> {
    for (const until = performance.now() + TURN_MS; performance.now() < until;) {
      const behind = await findBehind(this.log.pool, MAX_PENDING, BEHIND_AT_ONCE);
      if (behind.length === 0) return;
      for (const webhookId of behind) {
        await turn.commit(async ({ client }) => {
          await client.query('SET LOCAL synchronous_commit = off');
          await this.catchUp(client, webhookId, turn.checkpoint);
          return turn.checkpoint;
        });
      }
    }
  }

  private async fill(client: PoolClient, events: readonly RecordedEvent[]): Promise<void> {
    const rows = await lockLive(client, companiesOf(events));
    if (rows.length === 0) return;
    const [full, live] = [
      rows.filter(({ pending }) => pending >= MAX_PENDING),
      rows.filter(({ pending }) => pending < MAX_PENDING),
    ];
    const cursor = (events[0]?.position ?? 1) - 1;
    for (const row of full) await updateWebhook(client, { ...row, live: false, cursor });
    const wanted = await this.selections.of(
      live.map(({ webhook }) => webhook),
      events,
    );
    await add(
      client,
      [...wanted].flatMap(([{ id }, own]) => own.map((event) => entryOf(id, event))),
    );
  }

  /** A page of what the log has for a webhook that is not live. */
  private async catchUp(client: PoolClient, webhookId: string, checkpoint: number): Promise<void> {
    const row = await lockWebhook(client, webhookId);
    if (row === null || row.live || row.webhook.status !== 'active') return;
    const { webhook } = row;
    const options = { ...readOptionsOf(webhook), upTo: checkpoint, limit: PAGE, takesNewer: true };
    const { events, hasMore } = await this.log.read.after(row.cursor, options, client);
    const wanted = await this.selections.of([webhook], events);
    await add(
      client,
      (wanted.get(webhook) ?? []).map((event) => entryOf(webhookId, event)),
    );
    const cursor = hasMore ? (events.at(-1)?.position ?? checkpoint) : checkpoint;
    await updateWebhook(client, { webhook, cursor, live: cursor >= checkpoint });
  }

  /** What was decided about a webhook counts from the event's place in the log on. */
  private async apply(client: PoolClient, event: Recorded<WebhookEvent>): Promise<void> {
    const row = await lockWebhook(client, event.stream.slice(webhookStream('').length));
    const before = row ? { kind: 'present' as const, webhook: row.webhook } : initialWebhook;
    const after = evolveWebhook(before, event);
    if (after.kind === 'none') return;
    const { webhook } = after;
    if (after.kind === 'deleted') return deleteWebhook(client, webhook.id);
    if (row === null) return insertWebhook(client, webhook);
    // Up to here it has been filled.
    const cursor = row.live ? event.position : row.cursor;
    switch (event.type) {
      case 'WebhookPaused':
        return updateWebhook(client, { webhook, cursor, live: false });
      case 'WebhookResumed':
        await beginAnew(client, webhook.id);
        await updateWebhook(client, { webhook, cursor, live: false });
        return notify(client);
      case 'WebhookRedeliveryRequested': {
        const { from } = event.data;
        await withdrawFrom(client, webhook.id, from);
        return updateWebhook(client, { webhook, cursor: Math.min(cursor, from - 1), live: false });
      }
      case 'WebhookChanged':
        await updateWebhook(client, { ...row, webhook });
        // Another receiver has not failed, nor asked to be left alone.
        if (webhook.url === row.webhook.url) return;
        await beginAnew(client, webhook.id);
        return notify(client);
      case 'WebhookCreated':
      case 'WebhookSecretRotated':
      case 'WebhookDeleted':
        return updateWebhook(client, { ...row, webhook });
    }
  }
}

function companiesOf(events: readonly RecordedEvent[]): string[] {
  return [...new Set(events.map(({ companyId }) => companyId))];
}

/** Events about webhooks alone, and what is between them. */
function partsOf(events: readonly RecordedEvent[]): RecordedEvent[][] {
  const parts: RecordedEvent[][] = [];
  for (const event of events) {
    const last = parts.at(-1)?.at(-1);
    if (last && !isAboutWebhooks(last) && !isAboutWebhooks(event)) parts.at(-1)?.push(event);
    else parts.push([event]);
  }
  return parts;
}

async function add(client: PoolClient, entries: readonly Entry[]): Promise<void> {
  if (entries.length === 0) return;
  await addEntries(client, entries);
  await notify(client);
}

/** Unlike the log's own it may be in the transaction: it is one for many events, and its commit waits for no disk. */
async function notify(client: PoolClient): Promise<void> {
  await client.query(`NOTIFY ${OUTBOX_CHANNEL}`);
}

function entryOf(webhookId: string, { position, stream }: RecordedEvent): Entry {
  return { webhookId, position, stream };
}
