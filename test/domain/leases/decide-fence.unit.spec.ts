import { describe, expect, it } from '@jest/globals';
import { accepted } from '../../../src/event-sourcing/commands/decision.js';
import { mayCommand, recordStaleFence } from '../../../src/domain/leases/decide-fence.js';
import type { LeaseEvent } from '../../../src/domain/leases/events.js';
import type { LeaseState } from '../../../src/domain/leases/state.js';
import { FIRST_POSITION, readable } from '../../support/given-when-then.js';
import { active, given, LEASE, lease } from './lease-examples.js';

const FENCE = FIRST_POSITION;
const refusal = (fence: number, command = 'execute'): LeaseEvent => ({
  type: 'StaleFenceRefused',
  data: { fence, command },
});

describe('a command on a lease', () => {
  const held = lease(active());
  const ask = (fence: number | null, isRequired = false) => readable(mayCommand(held, fence, isRequired));

  it('is done with the lease’s fence, required or not', () => {
    expect([ask(FENCE), ask(FENCE, true)]).toStrictEqual([held, held]);
  });

  it('needs none where none is required', () => {
    expect(ask(null)).toBe(held);
    expect(ask(null, true)).toStrictEqual({ refused: 'fence_required', leaseId: LEASE });
  });

  it.each([1, FENCE - 1])('is refused with the fence %d of an earlier holder', (fence) => {
    expect([ask(fence), ask(fence, true)]).toStrictEqual(
      Array.from({ length: 2 }, () => ({ refused: 'stale_fence', leaseId: LEASE })),
    );
    expect(mayCommand(held, fence, false)).toMatchObject({
      detail: `The fence is that of an earlier holder: it is ${fence}, and the lease’s is ${FENCE}.`,
    });
  });

  it('is refused otherwise with a fence that is not the lease’s', () => {
    expect(ask(FENCE + 1)).toStrictEqual({ refused: 'fence_mismatch', leaseId: LEASE });
  });
});

describe('the record of a stale fence', () => {
  const record = (fence: number, command?: string) => (state: LeaseState) => {
    if (state === null) throw new Error('There is no lease.');
    return accepted(recordStaleFence(state, fence, command ?? 'execute'));
  };

  it('is of the first command with it alone', () => {
    given(active())
      .when(record(FENCE - 1))
      .then([refusal(FENCE - 1)])
      .again.then([])
      .when(record(FENCE - 1, 'release'))
      .then([])
      .when(record(FENCE - 2, 'release'))
      .then([refusal(FENCE - 2, 'release')]);
  });

  it('is made of ten fences, however many come', () => {
    const ten = Array.from({ length: 10 }, (_, index) => refusal(index + 1));
    given([...active(), ...ten.slice(0, 9)])
      .when(record(50))
      .then([refusal(50)])
      .when(record(51))
      .then([]);
  });

  it('changes nothing else of the lease', () => {
    const before = lease(active());
    const after = lease([...active(), refusal(7)]);
    const { updatedAt, version, position } = after;
    expect(after).toStrictEqual({ ...before, staleFences: [7], updatedAt, version, position });
  });
});
