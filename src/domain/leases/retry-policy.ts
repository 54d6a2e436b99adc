import type { FailureClass } from '../driver-contract/driver-names.js';
import type { RetryDelays } from '../../platform/config/config.js';
import type { LeaseEffect } from './state.js';

/** Room is not made in the time that a network takes to come back. */
const CAPACITY_FACTOR = 4;
const JITTER = 0.2;

/**
 * When (ISO 8601) an effect whose attempt failed is tried again; null: it is not.
 *
 * Provisioning gives up at once on failures that a retry cannot fix (`auth`, `config`, `permanent`): a caller waits.
 * Cleanup goes on, because a key or a host may be repaired meanwhile; only `permanent` gets just one more attempt.
 *
 * @param attempt the one that failed, from 1
 * @param now ISO 8601
 * @param random from 0 to 1: leases that failed together are not tried together
 */
export function retryAt(
  kind: LeaseEffect['kind'],
  failureClass: FailureClass,
  attempt: number,
  delays: RetryDelays,
  now: string,
  random: number,
): string | null {
  const delay = delays[kind][attempt - 1];
  if (delay === undefined || attempt > attemptsWorthWhile(kind, failureClass)) return null;
  const wait = delay * (failureClass === 'capacity' ? CAPACITY_FACTOR : 1) * (1 + JITTER * (2 * random - 1));
  return new Date(Date.parse(now) + wait).toISOString();
}

function attemptsWorthWhile(kind: LeaseEffect['kind'], failureClass: FailureClass): number {
  if (failureClass === 'transient' || failureClass === 'capacity') return Infinity;
  if (kind === 'provisioning') return 0;
  return failureClass === 'permanent' ? 1 : Infinity;
}
