import { describe, expect, it } from '@jest/globals';
import { retryAt } from '../../../src/domain/leases/retry-policy.js';

const NOW = '2026-11-23T12:00:00.000Z';
const DELAYS = { provisioning: [1_000, 5_000], cleanup: [2_000, 10_000] };
const MIDDLE = 0.5;

describe('an attempt that failed', () => {
  it.each([
    ['provisioning', 'transient', 1, '2026-11-23T12:00:01.000Z'],
    ['provisioning', 'transient', 2, '2026-11-23T12:00:05.000Z'],
    ['provisioning', 'transient', 3, null],
    ['provisioning', 'capacity', 1, '2026-11-23T12:00:04.000Z'],
    ['provisioning', 'auth', 1, null],
    ['provisioning', 'config', 1, null],
    ['provisioning', 'permanent', 1, null],
    ['cleanup', 'auth', 2, '2026-11-23T12:00:10.000Z'],
    ['cleanup', 'permanent', 1, '2026-11-23T12:00:02.000Z'],
    ['cleanup', 'permanent', 2, null],
    ['cleanup', 'transient', 3, null],
  ] as const)('at %s, of class %s, as number %i, is tried again at %s', (kind, failureClass, attempt, expected) => {
    expect(retryAt(kind, failureClass, attempt, DELAYS, NOW, MIDDLE)).toBe(expected);
  });

  it('is not tried at the same moment as those that failed with it', () => {
    expect(retryAt('provisioning', 'transient', 2, DELAYS, NOW, 0)).toBe('2026-11-23T12:00:04.000Z');
    expect(retryAt('provisioning', 'transient', 2, DELAYS, NOW, 1)).toBe('2026-11-23T12:00:06.000Z');
  });
});
