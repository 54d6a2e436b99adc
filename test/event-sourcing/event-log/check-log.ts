import { expect } from '@jest/globals';
import type { RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';
import type { Outcome } from './append-plan.js';

/** Positions follow each other from `base` on, times never decrease, and each stream is contiguous. */
export function checkOrder(events: readonly RecordedEvent[], base: number): void {
  expect(events.map((event) => event.position)).toEqual(events.map((_, index) => base + 1 + index));
  const times = events.map((event) => event.recordedAt);
  expect(times).toEqual(times.toSorted());
  const versions = new Map<string, number>();
  for (const event of events) {
    expect({ stream: event.stream, version: event.version }).toEqual({
      stream: event.stream,
      version: (versions.get(event.stream) ?? 0) + 1,
    });
    versions.set(event.stream, event.version);
  }
}

/** The log holds what was acknowledged, once, as it was acknowledged, and nothing else. */
export function checkAcknowledged(events: readonly RecordedEvent[], outcomes: readonly Outcome[]): void {
  const acknowledged = outcomes.flatMap(({ verdict }) => (verdict?.kind === 'ok' ? verdict.events : []));
  expect(acknowledged.toSorted((a, b) => a.position - b.position)).toEqual(events);
}

/** In the order of the log, every accepted append found the versions that it had asked for. */
export function checkDecisions(events: readonly RecordedEvent[], outcomes: readonly Outcome[], base: number): void {
  const accepted = outcomes
    .flatMap(({ append, verdict }) => (verdict?.kind === 'ok' ? [{ append, verdict }] : []))
    .map(({ append, verdict }) => ({ append, before: (verdict.events[0]?.position ?? verdict.position + 1) - 1 }))
    .toSorted((a, b) => a.before - b.before);
  const versions = new Map<string, number>();
  let position = base;
  for (const { append, before } of accepted) {
    for (; position < before; position += 1) {
      const event = events[position - base];
      if (event) versions.set(event.stream, event.version);
    }
    const asked = [
      ...append.writes.map(({ stream, expectedVersion }) => ({ stream, version: expectedVersion })),
      ...append.guards,
    ];
    expect(asked.map(({ stream }) => ({ stream, version: versions.get(stream) ?? 0 }))).toEqual(asked);
  }
}

/** A conflict names a version that differs from the one asked for and that the stream has had. */
export function checkConflicts(events: readonly RecordedEvent[], outcomes: readonly Outcome[]): void {
  const newest = new Map(events.map((event) => [event.stream, event.version]));
  for (const { append, verdict } of outcomes) {
    if (verdict?.kind !== 'conflict') continue;
    const { stream, expectedVersion, actualVersion } = verdict;
    const write = append.writes.find((candidate) => candidate.stream === stream);
    const guard = append.guards.find((candidate) => candidate.stream === stream);
    expect(write?.expectedVersion ?? guard?.version).toBe(expectedVersion);
    expect(actualVersion).not.toBe(expectedVersion);
    expect(actualVersion).toBeGreaterThanOrEqual(0);
    expect(actualVersion).toBeLessThanOrEqual(newest.get(stream) ?? 0);
  }
}

/**
 * One append at most wins a key. Every other that names the key gets the winner's result, unless it was refused for
 * a conflict with something older than the winner.
 */
export function checkKeys(events: readonly RecordedEvent[], outcomes: readonly Outcome[]): void {
  const positions = new Map(events.map((event) => [`${event.stream} ${event.version}`, event.position]));
  for (const claims of byKey(outcomes).values()) {
    const [winner, ...others] = claims.flatMap(({ append, verdict }) =>
      verdict?.kind === 'ok' ? [{ append, verdict }] : [],
    );
    expect(others).toEqual([]);
    for (const { verdict } of claims) {
      if (verdict?.kind === 'duplicate') {
        expect(verdict).toEqual({
          kind: 'duplicate',
          fingerprint: winner?.append.idempotency?.fingerprint,
          result: winner?.append.idempotency?.result,
          position: winner?.verdict.position,
        });
      }
      if (verdict?.kind === 'conflict' && winner) {
        const sawUpTo = positions.get(`${verdict.stream} ${verdict.actualVersion}`) ?? 0;
        const beforeWinner = (winner.verdict.events[0]?.position ?? winner.verdict.position + 1) - 1;
        expect(sawUpTo).toBeLessThanOrEqual(beforeWinner);
      }
    }
  }
}

function byKey(outcomes: readonly Outcome[]): Map<string, Outcome[]> {
  const claims = new Map<string, Outcome[]>();
  for (const outcome of outcomes) {
    const key = outcome.append.idempotency?.key;
    if (key !== undefined) claims.set(key, [...(claims.get(key) ?? []), outcome]);
  }
  return claims;
}
