import { expect, test } from '@jest/globals';
import { ENVIRONMENT_EVENTS } from '../../../src/domain/environments/events.js';
import type { Recorded } from '../../../src/event-sourcing/event-log/index.js';
import { environmentSentence } from '../../../src/audit/history/environment-sentences.js';
import { leaseSentence } from '../../../src/audit/history/lease-sentences.js';
import { because, counted, duration, shortId, times } from '../../../src/audit/history/words.js';
import { LEASE_EVENTS } from '../../../src/domain/leases/events.js';
import type { EnvironmentEvent } from '../../../src/domain/environments/events.js';
import type { LeaseEvent } from '../../../src/domain/leases/events.js';
import { readJson, sampleFile } from '../../frozen-events/samples.js';

const sample = (type: string, version: number): { data: unknown; recordedAt: string } => ({
  ...(readJson(sampleFile(type, version)) as { data: unknown }),
  recordedAt: '2026-11-29T16:49:39.288Z',
});

/** One full stop, plurals by count, no word that says nothing, no id as long as a line. */
function expectPlain(sentence: string): void {
  expect(sentence).toMatch(/^[A-Z].*\.$/s);
  expect(sentence).not.toMatch(/undefined|null|\[object|NaN|\.\.|\b1 (attempts|times|commands|leases)\b/);
  expect(sentence).not.toMatch(/\b(taken back|was asked for|is to be|what it h)/i);
}

test.each(LEASE_EVENTS.map(({ type, schemaVersion }) => [type, schemaVersion] as const))(
  '%s has a sentence',
  (type, version) => {
    const sentence = leaseSentence({ type, ...sample(type, version) } as Recorded<LeaseEvent>);
    expectPlain(sentence);
  },
);

test.each(ENVIRONMENT_EVENTS.map(({ type, schemaVersion }) => [type, schemaVersion] as const))(
  '%s has a sentence',
  (type, version) => {
    const sentence = environmentSentence({ type, ...sample(type, version) } as Recorded<EnvironmentEvent>);
    expectPlain(sentence);
  },
);

test('what others wrote ends with one full stop, and a time is said relative to the event', () => {
  const data = {
    ...{ effectId: '', attempt: 1, failureClass: 'transient', reasonCode: 'host_taken', inDoubt: false },
    ...{ failureReason: 'Another lease holds the host.', retryAt: '2026-11-29T16:49:40.988Z' },
  };
  const event = { type: 'ProvisioningAttemptFailed', data, recordedAt: '2026-11-29T16:49:39.288Z' };
  expect(leaseSentence(event as unknown as Recorded<LeaseEvent>)).toBe(
    'Attempt 1 failed (host_taken): Another lease holds the host. Next attempt at 16:49:40 UTC, in 1.7 s.',
  );
});

test('durations are in the largest unit that fits, counts have the right plural, ids are short', () => {
  expect([40, 999, 1000, 2500, 60_000, 900_000, 3_600_000, 5_400_000, 172_800_000].map(duration)).toEqual([
    ...['40 ms', '999 ms', '1 s', '2.5 s', '1 min', '15 min', '1 h', '1.5 h', '2 d'],
  ]);
  expect([times(1), times(2), counted(1, 'lease'), counted(0, 'lease')]).toEqual([
    ...['once', '2 times', '1 lease', '0 leases'],
  ]);
  expect(shortId('01a22835-9a39-7000-8000-00000000e630')).toBe('01a2…e630');
  expect(because('It broke.')).toBe(': It broke');
  expect(because(null)).toBe('');
});
