import type { Append, StreamGuard, Verdict } from './append.js';
import { arrayLiteral, jsonArrayLiteral, type Scalar } from './array-literal.js';
import type { RecordedEvent } from './events.js';

/** One call of the database function `append_events`; its comment in migrations/ says what is done in which order. */
export interface AppendStatement {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

interface Refusal {
  append: number;
  kind: 'duplicate' | 'conflict';
  stream: string;
  expected: number;
  actual: number;
  /** Set when the event found at the expected place is the append's own: an earlier try was recorded after all. */
  ownPosition: number | null;
  ownRecordedAt: string | null;
  fingerprint: string;
  result: unknown;
  position: number;
}

/** The row that `append_events` returns. */
export interface AppendRow {
  base: number;
  at: string;
  refusals: Refusal[] | null;
}

const PLACEHOLDERS = Array.from({ length: 28 }, (_, index) => `$${index + 1}`).join(', ');

/** The append of a guard that several have: it is checked once for all of them, and where it fails, each is tried alone. */
const SHARED = -1;

function nameOf({ stream, version }: StreamGuard): string {
  return `${version} ${stream}`;
}

/** @throws TypeError for an append that names a stream twice: which version it should get would be open. */
export function appendStatement(batch: readonly Append[]): AppendStatement {
  const w: Scalar[][] = Array.from({ length: 11 }, () => []);
  const e: Scalar[][] = Array.from({ length: 10 }, () => []);
  const data: string[] = [];
  const k: Scalar[][] = Array.from({ length: 4 }, () => []);
  const results: string[] = [];
  const counts: number[] = [];
  let events = 0;
  const timesGuarded = new Map<string, number>();
  for (const { guards } of batch) {
    for (const guard of guards) timesGuarded.set(nameOf(guard), (timesGuarded.get(nameOf(guard)) ?? 0) + 1);
  }
  const shared = new Set<string>();
  batch.forEach((append, index) => {
    requireDistinctStreams(append);
    for (const write of append.writes) {
      push(w, [
        index,
        write.stream,
        write.expectedVersion,
        write.events.length,
        write.events[0]?.id ?? null,
        append.companyId,
        write.category,
        write.correlationKey,
        write.parent,
        write.open,
        write.childless ?? false,
      ]);
      write.events.forEach((event, place) => {
        events += 1;
        push(e, [
          index,
          write.stream,
          write.expectedVersion + 1 + place,
          event.id,
          event.type,
          event.schemaVersion,
          append.companyId,
          append.actor,
          append.correlationId,
          append.causationId,
        ]);
        data.push(JSON.stringify(event.data));
      });
    }
    for (const guard of append.guards) {
      const name = nameOf(guard);
      if (shared.has(name)) continue;
      const isShared = (timesGuarded.get(name) ?? 0) > 1;
      if (isShared) shared.add(name);
      const of = isShared ? SHARED : index;
      push(w, [of, guard.stream, guard.version, 0, null, append.companyId, null, null, null, true, false]);
    }
    if (append.idempotency) {
      const { key, fingerprint, result } = append.idempotency;
      push(k, [index, append.companyId, key, fingerprint]);
      results.push(JSON.stringify(result));
      counts.push(events);
    }
  });
  return {
    name: 'append_events',
    text: `SELECT base, at, refusals FROM append_events(${PLACEHOLDERS})`,
    values: [
      ...[...w, ...e].map(arrayLiteral),
      jsonArrayLiteral(data),
      ...k.map(arrayLiteral),
      jsonArrayLiteral(results),
      arrayLiteral(counts),
    ],
  };
}

function requireDistinctStreams({ writes, guards }: Append): void {
  if (writes.length + guards.length < 2) return;
  const seen = new Set<string>();
  for (const { stream } of [...writes, ...guards]) {
    if (seen.has(stream)) throw new TypeError(`An append names the stream ${stream} twice.`);
    seen.add(stream);
  }
}

function push(columns: Scalar[][], row: Scalar[]): void {
  row.forEach((value, index) => columns[index]?.push(value));
}

/** Each append's verdict, in the order of the batch. */
export function readVerdicts(batch: readonly Append[], row: AppendRow): Verdict[] {
  const refusals = new Map<number, Refusal>();
  for (const refusal of row.refusals ?? []) {
    const known = refusals.get(refusal.append);
    if (!known || known.ownPosition === null) refusals.set(refusal.append, refusal);
  }
  let position = row.base;
  return batch.map((append, index) => {
    const refusal = refusals.get(index);
    if (refusal) return refusedVerdict(append, refusal);
    const events = recordedEvents(append, position, row.at);
    position += events.length;
    return { kind: 'ok', position, events };
  });
}

function refusedVerdict(append: Append, refusal: Refusal): Verdict {
  if (refusal.kind === 'duplicate') {
    return {
      kind: 'duplicate',
      fingerprint: refusal.fingerprint,
      result: refusal.result,
      position: refusal.position,
    };
  }
  if (refusal.ownPosition !== null && refusal.ownRecordedAt !== null) {
    let before = 0;
    for (const write of append.writes) {
      if (write.stream === refusal.stream) break;
      before += write.events.length;
    }
    const at = new Date(refusal.ownRecordedAt).toISOString();
    const events = recordedEvents(append, refusal.ownPosition - before - 1, at);
    return { kind: 'ok', position: refusal.ownPosition - before - 1 + events.length, events };
  }
  return {
    kind: 'conflict',
    stream: refusal.stream,
    expectedVersion: refusal.expected,
    actualVersion: refusal.actual,
  };
}

/** The events of an append as the log holds them; `base` is the position before its first. */
function recordedEvents(append: Append, base: number, recordedAt: string): RecordedEvent[] {
  let position = base;
  return append.writes.flatMap((write) =>
    write.events.map((event, place) => {
      position += 1;
      return {
        position,
        stream: write.stream,
        version: write.expectedVersion + 1 + place,
        id: event.id,
        type: event.type,
        schemaVersion: event.schemaVersion,
        companyId: append.companyId,
        actor: append.actor,
        correlationId: append.correlationId,
        causationId: append.causationId,
        recordedAt,
        data: event.data,
      };
    }),
  );
}
