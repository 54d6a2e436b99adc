import type { PoolClient } from 'pg';
import type { EventLog, LogTransaction, RecordedEvent } from '../event-log/index.js';
import type { OwnerTurn } from '../subscriptions/index.js';
import { closeSubscription, lockGenerations, setState, showTable, type Generation } from './generations.js';

/** Events that the last step may have to handle, while the live generation stands still and waits for it. */
const LAST_STEP = 2_000;

export interface Successor {
  readonly generation: Generation;
  readonly types: readonly string[];
  handle(events: readonly RecordedEvent[], transaction: LogTransaction): Promise<void>;
}

export type SwitchResult =
  | { readonly kind: 'switched'; readonly from: number }
  /** The live generation has got too far ahead again. */
  | { readonly kind: 'behind' }
  /** These streams could not be handled here and can be seen in the live generation: switching would show older rows. */
  | { readonly kind: 'blocked'; readonly streams: readonly string[] }
  /** The generation is not being built any more. */
  | { readonly kind: 'over' };

/**
 * Makes a generation the live one, in one transaction of the owner of its subscription. Both checkpoints are locked, what
 * the live one is ahead is handled, and the live one is closed, so that it never moves again. Hence whoever sees a
 * position in the old generation finds it in the new one too, at whatever moment he looks at the view.
 */
export async function switchOver(log: EventLog, turn: OwnerTurn, successor: Successor): Promise<SwitchResult> {
  const { name, subscription, table } = successor.generation;
  let result: SwitchResult = { kind: 'over' };
  await turn.commit(async (transaction) => {
    const { client } = transaction;
    const generations = await lockGenerations(client, name);
    const live = generations.find(({ state }) => state === 'live');
    if (!live || !generations.some((known) => known.subscription === subscription && known.state === 'building')) {
      return null;
    }
    const target = Math.max(turn.checkpoint, await lockCheckpoints(client, subscription, live.subscription));
    if (target - turn.checkpoint > LAST_STEP) {
      result = { kind: 'behind' };
      return null;
    }
    const streams = await parkedOnlyHere(client, subscription, live.subscription);
    if (streams.length > 0) {
      result = { kind: 'blocked', streams };
      return null;
    }
    await handleRest(log, turn.checkpoint, target, successor, transaction);
    await closeSubscription(client, live.subscription);
    await showTable(client, name, table);
    await setState(client, live, 'old');
    await setState(client, successor.generation, 'live');
    result = { kind: 'switched', from: live.generation };
    return target;
  });
  return result;
}

/** @returns the checkpoint of the live subscription. */
async function lockCheckpoints(client: PoolClient, building: string, live: string): Promise<number> {
  const { rows } = await client.query<{ name: string; checkpoint: number }>(
    'SELECT name, checkpoint FROM subscriptions WHERE name = ANY ($1::text[]) ORDER BY name FOR UPDATE',
    [[building, live]],
  );
  return rows.find((row) => row.name === live)?.checkpoint ?? 0;
}

async function handleRest(
  log: EventLog,
  checkpoint: number,
  target: number,
  successor: Successor,
  transaction: LogTransaction,
): Promise<void> {
  if (target === checkpoint) return;
  const { types, generation } = successor;
  const { client } = transaction;
  const { rows } = await client.query<{ stream: string }>('SELECT stream FROM parked_streams WHERE subscription = $1', [
    generation.subscription,
  ]);
  const parked = new Set(rows.map((row) => row.stream));
  for (let after = checkpoint; after < target;) {
    const { events, hasMore } = await log.read.after(after, { limit: LAST_STEP, upTo: target, types }, client);
    const wanted = events.filter((event) => !parked.has(event.stream));
    if (wanted.length > 0) await successor.handle(wanted, transaction);
    after = hasMore ? (events.at(-1)?.position ?? target) : target;
  }
}

/** Streams that the live generation shows further than this one. */
async function parkedOnlyHere(client: PoolClient, building: string, live: string): Promise<string[]> {
  const { rows } = await client.query<{ stream: string }>(
    `SELECT here.stream FROM parked_streams here
       LEFT JOIN parked_streams there ON there.subscription = $2 AND there.stream = here.stream
      WHERE here.subscription = $1 AND coalesce(there.position > here.position, true) ORDER BY here.stream`,
    [building, live],
  );
  return rows.map((row) => row.stream);
}
