import { expect, test } from '@jest/globals';
import { isoTime } from '../../../src/event-sourcing/event-log/log-pool.js';

test.each([
  ['2026-11-23 11:35:00+00', '2026-11-23T11:35:00.000Z'],
  ['2026-11-23 11:35:00.1+00', '2026-11-23T11:35:00.100Z'],
  ['2026-11-23 11:35:00.123+00', '2026-11-23T11:35:00.123Z'],
  ['2026-11-23 11:35:00.123456+00', '2026-11-23T11:35:00.123Z'],
])('%s is %s', (printed, time) => {
  expect(isoTime(printed)).toBe(time);
});

test.each([
  '29.11.2026 17:34:25.91 UTC',
  '11/29/2026 17:34:25.91 UTC',
  'Sun Nov 29 17:34:25.91 2026 UTC',
  '2026-11-29 23:43:50.825+05:45',
  '2026-11-29 12:59:06.1-05',
  'infinity',
  '',
])('%s is not taken for a time in UTC', (printed) => {
  expect(() => isoTime(printed)).toThrow('not ISO 8601 in UTC');
});
