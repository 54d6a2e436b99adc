import type { Pool } from 'pg';
import { IS_FOREIGN } from './foreign.js';
import { sendHints } from './hints.js';
import { pause } from './pause.js';

interface Waiter {
  readonly position: number;
  readonly settle: (reached: boolean) => void;
}

/** While somebody waits for another process, its owner is reminded this often: a hint may be lost. */
const REMIND_EVERY_MS = 20;

/**
 * Those who wait for checkpoints. A subscription that is owned here tells of its checkpoint itself. For all others
 * together, whoever waits, one query is repeated while somebody waits, and their owners are asked to hurry.
 */
export class Waiters {
  private readonly waiting = new Map<string, Set<Waiter>>();
  /** The highest checkpoint seen of each. Checkpoints only grow, but where the log has another history. */
  private readonly known = new Map<string, number>();
  private readonly reminded = new Map<string, number>();
  private readonly closing = new AbortController();
  private polling = false;

  /** @param hurry makes the owner look at the log at once, if it is here; says whether it is. */
  constructor(
    private readonly pool: Pool,
    private readonly pollMs: number,
    private readonly hurry: (name: string) => boolean,
    private readonly isOwnedHere: (name: string) => boolean,
    private readonly saw: (position: number) => void,
  ) {}

  wait(name: string, position: number, timeoutMs: number): Promise<boolean> {
    if ((this.known.get(name) ?? 0) >= position) return Promise.resolve(true);
    if (timeoutMs <= 0 || this.closing.signal.aborted) return Promise.resolve(false);
    const { promise, resolve } = withResolvers<boolean>();
    const all = this.waiting.get(name) ?? new Set();
    this.waiting.set(name, all);
    const waiter: Waiter = {
      position,
      settle: (reached) => {
        clearTimeout(timer);
        all.delete(waiter);
        if (all.size === 0 && this.waiting.get(name) === all) this.waiting.delete(name);
        resolve(reached);
      },
    };
    const timer = setTimeout(() => waiter.settle(false), timeoutMs);
    all.add(waiter);
    if (!this.hurry(name)) this.watchOthers();
    return promise;
  }

  reached(name: string, checkpoint: number): void {
    if (checkpoint <= (this.known.get(name) ?? 0)) return;
    this.known.set(name, checkpoint);
    this.saw(checkpoint);
    for (const waiter of this.waiting.get(name) ?? []) if (waiter.position <= checkpoint) waiter.settle(true);
  }

  /** The checkpoint of one, or of all, may be lower than it was. */
  forget(name?: string): void {
    if (name === undefined) this.known.clear();
    else this.known.delete(name);
  }

  /** To be called when a subscription is not owned here any more: those who wait for it are served from the database. */
  watchOthers(): void {
    if (this.polling) return;
    this.polling = true;
    void this.poll();
  }

  close(): void {
    this.closing.abort();
    for (const all of this.waiting.values()) for (const waiter of [...all]) waiter.settle(false);
  }

  private names(): string[] {
    return [...this.waiting.keys()].filter((name) => !this.isOwnedHere(name));
  }

  private async poll(): Promise<void> {
    for (let names = this.names(); names.length > 0; names = this.names()) {
      try {
        const { rows } = await this.pool.query<{ name: string; checkpoint: number }>({
          name: 'checkpoints',
          text: `SELECT name, checkpoint FROM subscriptions WHERE name = ANY ($1::text[]) AND NOT ${IS_FOREIGN}`,
          values: [names],
        });
        for (const { name, checkpoint } of rows) this.reached(name, checkpoint);
        await this.remind();
      } catch {
        // The database is away: those who wait have a timeout of their own, and the next round may find it again.
      }
      await pause(this.pollMs, this.closing.signal);
    }
    // In the same turn as the look at the names: somebody who comes later starts the next poll.
    this.polling = false;
  }

  private async remind(): Promise<void> {
    const now = performance.now();
    const names = this.names().filter((name) => now - (this.reminded.get(name) ?? -Infinity) >= REMIND_EVERY_MS);
    if (names.length === 0) return;
    for (const name of names) this.reminded.set(name, now);
    await sendHints(this.pool, 'look', names);
  }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((take) => {
    resolve = take;
  });
  return { promise, resolve };
}
