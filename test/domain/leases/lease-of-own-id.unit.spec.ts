import { describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import { leaseOfOwnId, type AnyWish } from '../../../src/domain/leases/lease-of-own-id.js';
import { readable } from '../../support/given-when-then.js';
import { jsonObject } from './lease-arbitraries.js';
import { active, COMPANY, lease, terms } from './lease-examples.js';

const OTHER = 'c0000000-0000-7000-8000-000000000009';
const { driver: _driver, provider: _provider, ...WISH } = terms({ metadata: { team: 'red', of: { b: 1, a: null } } });
const held = lease(active(WISH));
const ask = (wish: AnyWish, companyId = COMPANY, state: typeof held | null = held) =>
  readable(leaseOfOwnId(state, companyId, wish));

describe('asking for a lease under an id of one’s own', () => {
  it('is for a new one where nobody has the id', () => expect(ask(WISH, COMPANY, null)).toBeNull());

  it('is for the lease that has it, on the same terms, whatever the order of their names', () => {
    expect(ask(WISH)).toBe(held);
    expect(ask({ ...WISH, metadata: { of: { a: null, b: 1 }, team: 'red' } })).toBe(held);
  });

  it.each<[string, Partial<AnyWish>]>([
    ['environment', { environmentId: OTHER }],
    ['run', { heartbeatRunId: null }],
    ['limit', { ttlSeconds: 60 }],
    ['policy', { leasePolicy: 'retain_on_failure' }],
    ['metadata', { metadata: { team: 'red' } }],
    ['environment, the local one', { environmentId: null }],
  ])('is refused on other terms: another %s', (_what, change) => {
    expect(ask({ ...WISH, ...change })).toStrictEqual({ refused: 'lease_id_taken' });
  });

  it('says of another company’s lease no more than of one on other terms', () => {
    expect(leaseOfOwnId(held, OTHER, WISH)).toStrictEqual(leaseOfOwnId(held, COMPANY, { ...WISH, priority: 9 }));
  });

  it('takes a company’s local environment for that, named or not', () => {
    const local = lease(active({ ...WISH, driver: 'local', provider: null }));
    expect(ask({ ...WISH, environmentId: null }, COMPANY, local)).toBe(local);
    expect(ask(WISH, COMPANY, local)).toBe(local);
  });
});

test('whatever the metadata, what came through the log is the same terms, and another value is not', () => {
  fc.assert(
    fc.property(jsonObject, fc.string(), (metadata, key) => {
      const stored = lease(active({ ...WISH, metadata: JSON.parse(JSON.stringify(metadata)) as AnyWish['metadata'] }));
      expect(ask({ ...WISH, metadata }, COMPANY, stored)).toBe(stored);
      const other = Object.fromEntries([...Object.entries(metadata), [key, 'a value that nothing else has']]);
      expect(ask({ ...WISH, metadata: other }, COMPANY, stored)).toStrictEqual({ refused: 'lease_id_taken' });
    }),
    { numRuns: 100 },
  );
});
