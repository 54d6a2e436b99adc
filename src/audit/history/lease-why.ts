import { deadlineOf, runsCommands } from '../../domain/leases/deadline.js';
import type { CleanupStatus } from '../../domain/leases/lease-names.js';
import { provisioningDeadline } from '../../domain/leases/provisioning-timeout.js';
import type { Lease } from '../../domain/leases/state.js';
import type { Step } from './timeline.js';
import { firstOf, linkOf, type Blocker, type Link, type Timer, type Why } from './why.js';
import { at, because, counted, times, whoIs } from './words.js';

/** They say what was done with the lease, not how it came to its state. */
const LEFT_OUT: readonly string[] = [
  'ExecutionStarted',
  'ExecutionFinished',
  'ExecutionFailed',
  'WorkspaceRealized',
  'WorkspaceSynced',
  'StaleFenceRefused',
  'LeaseRenewed',
  'LeaseExpiring',
];

const CLEANUP: Readonly<Record<CleanupStatus, string>> = {
  pending: ' Cleanup is queued.',
  running: ' Cleanup is running.',
  success: ' Cleanup is done.',
  failed: ' Cleanup has failed so far.',
  irrevocable: ' Cleanup failed.',
};

/** Links a step to the chain, where it belongs there. */
export function linkInto(chain: Link[]): (step: Step<object>) => void {
  return (step) => {
    if (!LEFT_OUT.includes(step.event.type)) chain.push(linkOf(step));
  };
}

/** @param chain of the steps that the lease is the fold of */
export function whyLease(lease: Lease, chain: readonly Link[]): Why {
  const { id, status, position, lastFailure } = lease;
  return {
    id,
    status,
    reasonCode: lease.ending?.reasonCode ?? lastFailure?.reasonCode ?? null,
    sentence: sentenceOf(lease),
    chain,
    blockedBy: blockerOf(lease),
    nextTimer: firstOf(timersOf(lease)),
    position,
  };
}

function sentenceOf(lease: Lease): string {
  switch (lease.status) {
    case 'requested':
    case 'queued':
      return 'Waiting for a worker.';
    case 'provisioning':
      if (lease.lastFailure === null) return 'The driver is provisioning it.';
      return lease.effect?.underWay
        ? `The driver is provisioning it, after a failed attempt (${lease.lastFailure.reasonCode}).`
        : `Waiting for the next attempt (${lease.lastFailure.reasonCode}).`;
    case 'active': {
      const deadline = deadlineOf(lease.terms, lease.grant, runsCommands(lease));
      const { acquiredAt, renewal } = lease.grant;
      const renewed = renewal === null ? '' : `, last renewed by ${whoIs(renewal.by)}`;
      return `Active since ${at(acquiredAt)}${renewed}. ${deadline === null ? 'It does not expire' : `It expires at ${at(deadline.at, acquiredAt)}`}.`;
    }
    case 'releasing':
      return `Releasing ${reasonOf(lease)}. Leasehold first looks for what an attempt may have created.`;
    case 'released':
    case 'expired':
    case 'failed':
    case 'retained':
      return `${capitalized(lease.status)} at ${at(lease.endedAt)} ${reasonOf(lease)}.${leftOf(lease)}`;
  }
}

function reasonOf({ ending }: Extract<Lease, { ending: object }>): string {
  return `(${ending.reasonCode})${because(ending.failureReason)}`;
}

function leftOf({ cleanupStatus, cleanupWrittenOff, kept }: Lease): string {
  if (kept !== null) return ` Its sandbox is kept until ${at(kept.until)}.`;
  if (cleanupWrittenOff) return ' An operator wrote the cleanup off.';
  if (cleanupStatus === null) return '';
  return CLEANUP[cleanupStatus];
}

function blockerOf({ effect, cleanupStatus, cleanupWrittenOff, lastFailure, executions }: Lease): Blocker | null {
  const doing = effect?.kind === 'cleanup' ? 'Cleanup' : 'Provisioning';
  if (effect?.underWay) {
    return {
      reasonCode: `${effect.kind}_under_way`,
      sentence: `Waiting for the driver: attempt ${effect.attempts} is under way.`,
    };
  }
  if (effect && lastFailure !== null && effect.attempts > 0) {
    return {
      reasonCode: lastFailure.reasonCode,
      sentence: `${doing} failed ${times(effect.attempts)}. Last failure${because(lastFailure.failureReason)}.`,
    };
  }
  if (effect) {
    const running = Object.keys(executions).length;
    const commands = running > 0 ? ` ${counted(running, 'command')} running.` : '';
    return { reasonCode: 'waiting_for_worker', sentence: `${doing} is waiting for a worker.${commands}` };
  }
  if (cleanupStatus === 'irrevocable' && !cleanupWrittenOff) {
    return {
      reasonCode: lastFailure?.reasonCode ?? 'cleanup_failed',
      sentence: `Every cleanup attempt failed${because(lastFailure?.failureReason ?? null)}. Retry the cleanup or write it off.`,
    };
  }
  return null;
}

function timersOf(lease: Lease): (Timer | null)[] {
  const { effect, kept, doubt } = lease;
  const provisionBy = provisioningDeadline(lease);
  const deadline = lease.status === 'active' ? deadlineOf(lease.terms, lease.grant, runsCommands(lease)) : null;
  return [
    deadline && { name: deadline.reasonCode, at: deadline.at },
    provisionBy === null ? null : { name: 'provisioning_timeout', at: provisionBy },
    effect?.dueAt ? { name: `${effect.kind}_retry`, at: effect.dueAt } : null,
    kept && { name: 'keeping_time_elapsed', at: kept.until },
    doubt && { name: 'doubt_settled', at: doubt.until },
  ];
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
