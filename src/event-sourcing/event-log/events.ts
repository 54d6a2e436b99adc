/** A JSON value as it travels in an event. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** What a decider returns: a fact that is not recorded yet. */
export interface NewEvent {
  /** UUIDv7, made by the caller. It is also what makes an append safe to repeat: see `EventLog.append`. */
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: object;
}

/** An event as the log gives it back, upcast to the newest version of its schema. */
export interface RecordedEvent {
  /** Global, gapless, in commit order, from 1. */
  readonly position: number;
  readonly stream: string;
  /** Place in the stream, from 1. */
  readonly version: number;
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly companyId: string;
  /** Who caused it, `kind:id`, for example `operator:local` or `system:expiry`. */
  readonly actor: string;
  /** One id for all that a request set in motion. */
  readonly correlationId: string | null;
  /** The event or the request that led to this event. */
  readonly causationId: string | null;
  /** ISO 8601, UTC, milliseconds. Given under the log's lock by the database's clock: it never decreases with the position. */
  readonly recordedAt: string;
  readonly data: unknown;
  /** Only a newer release understands it: it is as that release recorded it. Absent from all others. */
  readonly notUnderstood?: true;
}

/** A recorded event of a known type. */
export type Recorded<Event extends { type: string; data: unknown }> = Omit<RecordedEvent, 'type' | 'data'> & Event;
