import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { EventLog, type RecordedEvent } from '../../event-sourcing/event-log/index.js';

/** Somebody who wants every event of a company from a position on. */
export interface Follower {
  readonly companyId: string;
  /** Called in the order of the log, without a gap; it must not throw. @param position up to which these are all */
  follow(events: readonly RecordedEvent[], position: number): void;
  /** Nothing comes any more; the follower begins again from where it is. */
  lost(): void;
}

/**
 * For how long appends share a look at the log, by how many events the last look found at the least: where there is much,
 * fewer and larger writes to each reader cost the service and the readers less.
 */
const COALESCE_MS = [
  { from: 1_000, ms: 250 },
  { from: 50, ms: 100 },
  { from: 0, ms: 20 },
] as const;
const POLL_MS = 1_000;
const READ_AT_ONCE = 5_000;

/**
 * Reads what is new in the log once for all who follow it. Who joins is at exactly the position that has been read to, so
 * that there is neither a gap nor a double between what he has read himself and what comes.
 */
@Injectable()
export class LiveEvents implements BeforeApplicationShutdown {
  private readonly followers = new Set<Follower>();
  private readonly logger = new Logger(LiveEvents.name);
  private position = 0;
  private coalesceMs = coalesceMs(0);
  private looking = false;
  private again = false;
  private isStopping = false;
  private stop: () => void = () => undefined;

  constructor(private readonly log: EventLog) {
    // Where they are there may be other events now, or none.
    log.history.onAnother(() => this.loseAll());
  }

  /** How far the followers are. */
  get at(): number {
    return this.position;
  }

  /**
   * Whoever comes first may come at any position.
   * @returns false where the position is not the one that has been read to: read on, and try again
   */
  join(follower: Follower, position: number): boolean {
    if (this.isStopping) {
      follower.lost();
      return true;
    }
    if (this.followers.size === 0) {
      this.position = position;
      this.start();
    }
    if (position !== this.position) return false;
    this.followers.add(follower);
    return true;
  }

  leave(follower: Follower): void {
    this.followers.delete(follower);
    if (this.followers.size === 0) this.stop();
  }

  beforeApplicationShutdown(): void {
    this.isStopping = true;
    this.loseAll();
  }

  private loseAll(): void {
    for (const follower of this.followers) follower.lost();
    this.followers.clear();
    this.stop();
  }

  private start(): void {
    let soon: NodeJS.Timeout | undefined;
    const hint = (): void => {
      soon ??= setTimeout(() => {
        soon = undefined;
        void this.look();
      }, this.coalesceMs);
    };
    const unsubscribe = this.log.signal.subscribe(hint);
    const poll = setInterval(hint, POLL_MS);
    this.stop = () => {
      unsubscribe();
      clearInterval(poll);
      clearTimeout(soon);
    };
    hint();
  }

  private async look(): Promise<void> {
    this.again = true;
    if (this.looking) return;
    this.looking = true;
    try {
      while (this.again && this.followers.size > 0) {
        this.again = false;
        await this.readOn();
      }
    } catch (error) {
      // They have missed nothing: the next look goes on from the same position.
      this.logger.warn(`The log could not be read; retrying: ${String(error)}`);
    } finally {
      this.looking = false;
    }
  }

  private async readOn(): Promise<void> {
    const upTo = await this.log.read.head();
    this.coalesceMs = coalesceMs(upTo - this.position);
    while (this.position < upTo && this.followers.size > 0) {
      const from = this.position;
      const { events, hasMore } = await this.log.read.after(from, { upTo, limit: READ_AT_ONCE, takesNewer: true });
      // All have left meanwhile, and others have joined somewhere else.
      if (this.position !== from) return;
      this.position = hasMore ? (events.at(-1)?.position ?? upTo) : upTo;
      await this.tell(events, this.position);
    }
  }

  /** Company by company, so that what is made of a company's events is done with before the next one's. */
  private async tell(events: readonly RecordedEvent[], position: number): Promise<void> {
    const ofCompanies = byCompany(events);
    // Who joins meanwhile is at this position already.
    for (const [companyId, followers] of byCompany([...this.followers])) {
      const ofCompany = ofCompanies.get(companyId) ?? [];
      ofCompanies.delete(companyId);
      for (const follower of followers) {
        // Whatever else the process has to do comes between two who are written to: appends wait for it.
        if (ofCompany.length > 0) await nextTurn();
        if (this.followers.has(follower)) follower.follow(ofCompany, position);
      }
    }
  }
}

function coalesceMs(found: number): number {
  return COALESCE_MS.find(({ from }) => found >= from)?.ms ?? 0;
}

function byCompany<T extends { readonly companyId: string }>(all: readonly T[]): Map<string, T[]> {
  const ofCompanies = new Map<string, T[]>();
  for (const one of all) {
    const own = ofCompanies.get(one.companyId);
    if (own) own.push(one);
    else ofCompanies.set(one.companyId, [one]);
  }
  return ofCompanies;
}
