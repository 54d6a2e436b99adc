import type { NewEvent, RecordedEvent } from './events.js';

/** Events for one stream, and what the log should remember of that stream. */
export interface StreamWrite {
  readonly stream: string;
  /** The version that the writer decided on; 0 for a stream that must not exist yet. */
  readonly expectedVersion: number;
  readonly events: readonly NewEvent[];
  /** Set when the stream is made, and kept from then on. */
  readonly category: string;
  /** A key that streams of one company can be asked for together, e.g. the run that leases belong to. */
  readonly correlationKey: string | null;
  /** A stream that this one lives under, e.g. a lease's environment. */
  readonly parent: string | null;
  /** False once the stream has come to its end. Questions for open streams cost only what is open. */
  readonly open: boolean;
  /** Refuses the append, as a conflict, while an open stream has this one as its parent. */
  readonly childless?: boolean;
}

/** A stream that is only looked at: the append is refused when it has moved on. */
export interface StreamGuard {
  readonly stream: string;
  readonly version: number;
}

/** Makes a command repeatable: the same key answers with the first result. */
export interface Idempotency {
  readonly key: string;
  /** A digest of the command. The same key with another fingerprint is another command. */
  readonly fingerprint: string;
  /** What the command needs to give its first answer again. */
  readonly result: object;
}

/** All writes of an append are recorded, at positions that follow each other, or none of them is. */
export interface Append {
  readonly companyId: string;
  readonly actor: string;
  readonly correlationId: string | null;
  readonly causationId: string | null;
  readonly writes: readonly StreamWrite[];
  readonly guards: readonly StreamGuard[];
  readonly idempotency: Idempotency | null;
}

export type Verdict =
  | {
      readonly kind: 'ok';
      /** The position of the append's last event; the head of the log when it had none. */
      readonly position: number;
      readonly events: readonly RecordedEvent[];
    }
  | {
      readonly kind: 'conflict';
      readonly stream: string;
      readonly expectedVersion: number;
      /** The stream's version in the log; 0 when there is none. */
      readonly actualVersion: number;
    }
  | ({ readonly kind: 'duplicate' } & FirstResult);

/** What the idempotency table remembers of a command. */
export interface FirstResult {
  readonly fingerprint: string;
  readonly result: unknown;
  readonly position: number;
}
