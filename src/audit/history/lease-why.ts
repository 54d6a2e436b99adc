import { deadlineOf, runsCommands } from '../../domain/leases/deadline.js';
import type { Lease } from '../../domain/leases/state.js';
import type { Step } from './timeline.js';
import { firstOf, linkOf, type Blocker, type Link, type Timer, type Why } from './why.js';

/** They say what was done with the lease, not how it came to its state. */
const LEFT_OUT: readonly string[] = [
  'ExecutionStarted',
  'ExecutionFinished',
  'ExecutionFailed',
  'WorkspaceRealized',
  'WorkspaceSynced',
];

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
      return 'It was asked for and waits for a worker.';
    case 'provisioning':
      return lease.lastFailure === null
        ? 'The driver is making it.'
        : `The driver is making it; the last attempt failed, ${lease.lastFailure.reasonCode}.`;
    case 'active': {
      const deadline = deadlineOf(lease.terms, lease.grant, runsCommands(lease));
      return `It is held since ${lease.grant.acquiredAt}${deadline === null ? ', until somebody releases it' : ` and expires at ${deadline.at}`}.`;
    }
    case 'releasing':
      return `Its end was asked for, ${reasonOf(lease)}, and what it may have made is looked for first.`;
    case 'released':
    case 'expired':
    case 'failed':
    case 'retained':
      return `It ended at ${lease.endedAt} as ${lease.status}, ${reasonOf(lease)}${leftOf(lease)}.`;
  }
}

function reasonOf({ ending }: Extract<Lease, { ending: object }>): string {
  return ending.failureReason === null ? ending.reasonCode : `${ending.reasonCode}: ${ending.failureReason}`;
}

function leftOf({ cleanupStatus, cleanupWrittenOff, kept }: Lease): string {
  if (kept !== null) return `; what it held is kept until ${kept.until}`;
  if (cleanupWrittenOff) return '; an operator wrote off what it held';
  if (cleanupStatus === null) return '';
  return cleanupStatus === 'success' ? '; what it held was taken back' : `; its cleanup is ${cleanupStatus}`;
}

function blockerOf({ effect, cleanupStatus, cleanupWrittenOff, lastFailure, executions }: Lease): Blocker | null {
  const doing = effect?.kind === 'cleanup' ? 'taken back' : 'made';
  if (effect?.underWay) {
    return {
      reasonCode: `${effect.kind}_under_way`,
      sentence: `It waits for the driver: attempt ${effect.attempts} is under way, and nothing has been heard of it yet.`,
    };
  }
  if (effect && lastFailure !== null && effect.attempts > 0) {
    return {
      reasonCode: lastFailure.reasonCode,
      sentence: `It could not be ${doing} in ${effect.attempts} attempts, the last time because: ${lastFailure.failureReason}`,
    };
  }
  if (effect) {
    const running = Object.keys(executions).length;
    const commands = running > 0 ? ` ${running} commands run in it.` : '';
    return { reasonCode: 'waiting_for_worker', sentence: `It waits for a worker to have it ${doing}.${commands}` };
  }
  if (cleanupStatus === 'irrevocable' && !cleanupWrittenOff) {
    return {
      reasonCode: lastFailure?.reasonCode ?? 'cleanup_failed',
      sentence: `Every attempt to take it back has failed: ${lastFailure?.failureReason ?? 'no reason was given'} An operator has to have it tried again or write it off.`,
    };
  }
  return null;
}

function timersOf(lease: Lease): (Timer | null)[] {
  const { effect, kept, doubt } = lease;
  const deadline = lease.status === 'active' ? deadlineOf(lease.terms, lease.grant, runsCommands(lease)) : null;
  return [
    deadline && { name: deadline.reasonCode, at: deadline.at },
    effect?.dueAt ? { name: `${effect.kind}_retry`, at: effect.dueAt } : null,
    kept && { name: 'keeping_time_elapsed', at: kept.until },
    doubt && { name: 'doubt_settled', at: doubt.until },
  ];
}
