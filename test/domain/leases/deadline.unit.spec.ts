import { describe, expect, it } from '@jest/globals';
import { deadlineOf, secondsAfter, type Deadline } from '../../../src/domain/leases/deadline.js';
import type { LeaseGrant, LeaseTerms } from '../../../src/domain/leases/state.js';
import { at } from '../../support/given-when-then.js';
import { ACQUISITION, terms } from './lease-examples.js';

const grant = (change: Partial<LeaseGrant>): LeaseGrant => ({
  ...ACQUISITION,
  expiresAt: null,
  acquiredAt: at(0),
  lastUsedAt: at(0),
  renewal: null,
  notices: {},
  ...change,
});

describe('the deadline of an active lease', () => {
  it.each<[string, Partial<LeaseTerms>, Partial<LeaseGrant>, Deadline | null]>([
    ['no limit', {}, {}, null],
    ['ttl', { ttlSeconds: 60 }, {}, { at: at(60), reasonCode: 'ttl_elapsed' }],
    ['max', { maxTtlSeconds: 60 }, {}, { at: at(60), reasonCode: 'max_ttl_elapsed' }],
    ['max, the lesser', { ttlSeconds: 61, maxTtlSeconds: 60 }, {}, { at: at(60), reasonCode: 'max_ttl_elapsed' }],
    ['ttl, the lesser', { ttlSeconds: 60, maxTtlSeconds: 61 }, {}, { at: at(60), reasonCode: 'ttl_elapsed' }],
    ['ttl, when max is equal', { ttlSeconds: 60, maxTtlSeconds: 60 }, {}, { at: at(60), reasonCode: 'ttl_elapsed' }],
    ['idle', { idleTtlSeconds: 10 }, {}, { at: at(10), reasonCode: 'idle_ttl_elapsed' }],
    ['idle, the earlier', { idleTtlSeconds: 10, ttlSeconds: 60 }, {}, { at: at(10), reasonCode: 'idle_ttl_elapsed' }],
    [
      'idle, put off by its last use',
      { idleTtlSeconds: 10, ttlSeconds: 60 },
      { lastUsedAt: at(55) },
      { at: at(60), reasonCode: 'ttl_elapsed' },
    ],
    ['ttl, when idle is equal', { idleTtlSeconds: 60, ttlSeconds: 60 }, {}, { at: at(60), reasonCode: 'ttl_elapsed' }],
    [
      'max, when idle is equal',
      { idleTtlSeconds: 60, maxTtlSeconds: 60 },
      {},
      { at: at(60), reasonCode: 'max_ttl_elapsed' },
    ],
    ['the provider’s', { ttlSeconds: 61 }, { expiresAt: at(60) }, { at: at(60), reasonCode: 'provider_ttl_elapsed' }],
    [
      'ttl, when the provider’s is equal',
      { ttlSeconds: 60 },
      { expiresAt: at(60) },
      { at: at(60), reasonCode: 'ttl_elapsed' },
    ],
    [
      'ttl, when all are equal',
      { idleTtlSeconds: 60, ttlSeconds: 60, maxTtlSeconds: 60 },
      {},
      { at: at(60), reasonCode: 'ttl_elapsed' },
    ],
  ])('%s', (_case, limits, given, deadline) => {
    expect(deadlineOf(terms(limits), grant(given), false)).toEqual(deadline);
  });
});

describe('the deadline of a lease in use', () => {
  it.each<[string, Partial<LeaseTerms>, Deadline | null]>([
    ['none by idling', { idleTtlSeconds: 10 }, null],
    ['ttl', { idleTtlSeconds: 10, ttlSeconds: 60 }, { at: at(60), reasonCode: 'ttl_elapsed' }],
    ['max', { idleTtlSeconds: 10, maxTtlSeconds: 60 }, { at: at(60), reasonCode: 'max_ttl_elapsed' }],
  ])('%s', (_case, limits, deadline) => {
    expect(deadlineOf(terms(limits), grant({}), true)).toEqual(deadline);
  });
});

describe('seconds after a time', () => {
  it.each([
    ['2026-12-31T23:59:59.999Z', 1, '2027-01-01T00:00:00.999Z'],
    ['2028-02-28T12:00:00.000Z', 86_400, '2028-02-29T12:00:00.000Z'],
    ['2026-03-29T00:59:59.000Z', 7_200, '2026-03-29T02:59:59.000Z'],
  ])('%s + %d', (time, seconds, later) => {
    expect(secondsAfter(time, seconds)).toBe(later);
  });
});
