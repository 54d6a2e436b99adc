import type { LogTransaction, RecordedEvent } from '../event-log/index.js';

/** A durable reader of the log: every event is handled once, in the order of the log, by one process at a time. */
export interface Subscription {
  /** Stable: its checkpoint is stored under it. */
  readonly name: string;
  /** Types of event that it wants; all when absent. */
  readonly types?: readonly string[];
  /** Events handled in one transaction at most; 500 when absent. */
  readonly batchSize?: number;
  /** True when whoever adds it has made its row in `subscriptions`: then it is never made again. */
  readonly hasRow?: boolean;
  /**
   * Handles events in the transaction in which the checkpoint moves: what it writes there happens exactly once.
   * It is called again with the same events when it throws, or when the commit fails; at last with one event at a time.
   * Anything done outside of the transaction may be done more than once.
   */
  handle(events: readonly RecordedEvent[], transaction: LogTransaction): Promise<void>;
  /** Whether it handles an event that only a newer release understands, as it is recorded; without this, none. */
  takesNewer?(event: RecordedEvent): boolean;
  /**
   * Does in one turn what would be handled from the first event to `head`; called by the owner before the first event of
   * a long log. Where it fails, events are handled one after another, as those that come later are.
   */
  beginning?(turn: OwnerTurn, head: number): Promise<void>;
  /**
   * The log has another history than the one that was handled: it was restored to an older state, or what it was handled
   * into was not restored with it. Called in the transaction in which the checkpoint moves.
   * @returns the position from which it goes on; without this, it is the head
   */
  anotherHistory?(transaction: LogTransaction, head: number): Promise<number>;
  /** Called by the owner, never while it handles, when nothing was left in the log when it last looked. */
  reachedHead?(turn: OwnerTurn): Promise<void>;
}

/** What the owner of a subscription may do between two batches. */
export interface OwnerTurn {
  readonly checkpoint: number;
  /** Aborted when the owner is to stop. */
  readonly signal: AbortSignal;
  /**
   * Runs work in a transaction that moves the checkpoint to the position that it returns, or not at all. Null gives it
   * up: nothing is changed.
   */
  commit(work: (transaction: LogTransaction) => Promise<number | null>): Promise<void>;
}

/** A stream that a subscription could not handle. Its later events wait until it is retried; other streams go on. */
export interface ParkedStream {
  readonly subscription: string;
  readonly stream: string;
  /** Of the first event that was not handled. */
  readonly position: number;
  /** Failures since and with the one that parked it. */
  readonly attempts: number;
  /** The newest failure's text, cut to 2,000 characters. */
  readonly error: string;
  /** ISO 8601. */
  readonly parkedAt: string;
}

export type RetryResult =
  | { readonly kind: 'recovered' }
  | { readonly kind: 'failed'; readonly parked: ParkedStream }
  /** No owner has done it within the time; the wish stays stored and the next owner fulfils it. */
  | { readonly kind: 'pending' };

export interface SubscriptionStatus {
  readonly name: string;
  readonly checkpoint: number;
  readonly head: number;
  /** Events between the checkpoint and the head, wanted or not. */
  readonly lag: number;
  /** The runner that owns it, or null. */
  readonly owner: string | null;
  readonly ownedHere: boolean;
  /** How often it has been claimed. */
  readonly fence: number;
  readonly parked: number;
  /** Why the runner here makes no headway with it, or null. */
  readonly failure: string | null;
}

/** Where a runner tells of ownership (`info`), and of failures and parked streams (`warn`). */
export type SubscriptionLog = (
  level: 'info' | 'warn',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

export interface SubscriptionRunnerOptions {
  /** Names the runner in `subscriptions.owner`; unique among runners. */
  readonly owner: string;
  readonly log: SubscriptionLog;
  /** How long an ownership lasts when it is not renewed, in milliseconds; it is renewed at a third of it. */
  readonly expiryMs: number;
  /** How often a runner tries to claim what it does not own. */
  readonly claimEveryMs: number;
  /** The log is looked at this often, whatever the signal says. */
  readonly pollEveryMs: number;
  /** How long after a signal the log is looked at, when nobody waits: signals in between share the look. */
  readonly coalesceMs: number;
  /** The least time between two looks at the log for those who wait. */
  readonly minGapMs: number;
  /** How often a checkpoint that another process moves is read while somebody waits for it. */
  readonly waiterPollMs: number;
  /** How often a failing batch is handled before it is taken apart. */
  readonly tries: number;
  /** The pause before the second try; it doubles with every further one. */
  readonly retryDelayMs: number;
  /** How long `stop` waits for the handlers under way. */
  readonly stopTimeoutMs: number;
  /** How long a subscription is left to others after it met an event that only a newer release understands. */
  readonly yieldMs: number;
  /** How long, after nobody took it, no newer release is expected: streams of such events are parked at once. */
  readonly aloneMs: number;
}
