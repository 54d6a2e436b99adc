import type { Recorded } from '../../event-sourcing/event-log/index.js';
import type { LeaseEvent } from '../../domain/leases/events.js';
import type { DeadlineReason } from '../../domain/leases/lease-names.js';
import { atAndIn, because, duration, shortId, whoIs } from './words.js';

type Sentences = {
  /** @param recordedAt of the event: times are said relative to it */
  readonly [Type in LeaseEvent['type']]: (
    data: Extract<LeaseEvent, { type: Type }>['data'],
    recordedAt: string,
  ) => string;
};

const limit = (before: string, seconds: number | null): string[] =>
  seconds === null ? [] : [`${before} ${duration(seconds * 1000)}`];
const nextAttempt = (retryAt: string | null, recordedAt: string): string | null =>
  retryAt === null ? null : `Next attempt at ${atAndIn(retryAt, recordedAt)}.`;

const LIMITS: Readonly<Record<DeadlineReason, string>> = {
  ttl_elapsed: 'its time to live ends',
  idle_ttl_elapsed: 'nobody uses it',
  max_ttl_elapsed: 'its maximum time ends',
  provider_ttl_elapsed: 'its provider ends it',
};

/** What each event says to a person. */
const SENTENCES: Sentences = {
  LeaseRequested: ({ driver, provider, environmentId, leasePolicy, ttlSeconds, idleTtlSeconds, maxTtlSeconds }) => {
    const limits = [
      ...limit('for', ttlSeconds),
      ...limit('idle for at most', idleTtlSeconds),
      ...limit('at most', maxTtlSeconds),
    ];
    const on = provider === null ? driver : `${driver}, ${provider}`;
    return `Lease requested on environment ${shortId(environmentId)} (${on}), ${[leasePolicy, ...limits].join(', ')}.`;
  },
  ProvisioningRequested: () => 'Queued for provisioning.',
  ProvisioningStarted: ({ attempt }) => `Provisioning started, attempt ${attempt}.`,
  ProvisioningAttemptFailed: ({ attempt, reasonCode, failureReason, inDoubt, retryAt }, recordedAt) =>
    `Attempt ${attempt} failed (${reasonCode})${because(failureReason)}. ` +
    (inDoubt ? 'It may still have created something. ' : '') +
    (nextAttempt(retryAt, recordedAt) ?? 'No attempts left.'),
  ProvisioningOvertaken: ({ grant }) =>
    grant === null
      ? 'Released before the driver created anything.'
      : `Released while the driver created ${grant.providerLeaseId ?? 'its sandbox'}. Cleanup follows.`,
  ReuseAgreed: () => 'It can take over the sandbox of an ended lease, and leave its own to a later one.',
  ReuseRejected: ({ leaseId, reasonCode, fields }) =>
    `The sandbox of lease ${shortId(leaseId)} is not reused (${reasonCode})${because(fields.join(', '))}.`,
  SandboxTakenOver: ({ leaseId, providerLeaseId }) =>
    `Takes over the sandbox${providerLeaseId === null ? '' : ` ${providerLeaseId}`} of lease ${shortId(leaseId)}.`,
  LeaseActivated: ({ providerLeaseId }) =>
    providerLeaseId === null ? 'Active.' : `Active: the driver provided ${providerLeaseId}.`,
  LeaseRenewed: ({ deadline, renewedBy }, recordedAt) =>
    `Renewed${deadline === null ? '' : ` until ${atAndIn(deadline, recordedAt)}`}, by ${whoIs(renewedBy)}.`,
  LeaseExpiring: ({ deadline, reasonCode }, recordedAt) =>
    `Expires at ${atAndIn(deadline, recordedAt)}: ${LIMITS[reasonCode]} (${reasonCode}).`,
  DoubtOpened: ({ until }, recordedAt) =>
    `An earlier attempt may have created a sandbox. Leasehold looks for it until ${atAndIn(until, recordedAt)}.`,
  LeftoverDestroyed: ({ providerLeaseId }) => `Destroyed ${providerLeaseId}, which an earlier attempt had created.`,
  DoubtSettled: () => 'Nothing is left of earlier attempts.',
  LeaseReleaseRequested: ({ outcome, reasonCode, failureReason, deadline }, recordedAt) =>
    deadline === null
      ? `${outcome === 'released' ? 'Release requested' : `Released as ${outcome}`} (${reasonCode})${because(failureReason)}.`
      : `${outcome === 'failed' ? 'Failed' : 'Expired'} (${reasonCode}): its deadline was ${atAndIn(deadline, recordedAt)}.`,
  CleanupRequested: () => 'Cleanup queued.',
  CleanupStarted: ({ attempt }) => `Cleanup started, attempt ${attempt}.`,
  CleanupAttemptFailed: ({ attempt, reasonCode, failureReason, retryAt }, recordedAt) =>
    `Cleanup attempt ${attempt} failed (${reasonCode})${because(failureReason)}. ` +
    (nextAttempt(retryAt, recordedAt) ?? 'No attempts left. Retry the cleanup or write it off.'),
  CleanupRetryRequested: () => 'An operator retried the cleanup.',
  CleanupWrittenOff: ({ note }) => `An operator wrote the cleanup off${because(note)}.`,
  CleanupSucceeded: () => 'Cleanup done.',
  CleanupFailed: ({ detail }) => `Cleanup failed${because(detail)}.`,
  ExecutionStarted: ({ command, timeoutMs, argsCut }) =>
    `Started \`${command}\` (limit ${duration(timeoutMs)}).` +
    (argsCut ? ` ${argsCut.bytes} bytes of its arguments are not recorded.` : ''),
  ExecutionFinished: ({ exitCode, signal, timedOut, durationMs }) =>
    `The command ended after ${duration(durationMs)}, ${timedOut ? 'at its time limit' : endOf(exitCode, signal)}.`,
  ExecutionFailed: ({ reasonCode, failureReason }) => `The command failed (${reasonCode})${because(failureReason)}.`,
  WorkspaceRealized: () => 'Workspace ready.',
  WorkspaceSynced: ({ direction }) =>
    direction === 'in' ? 'Files synced into the workspace.' : 'Files synced out of the workspace.',
  LeaseReleased: () => 'Released.',
  LeaseExpired: () => 'Expired.',
  LeaseFailed: ({ reasonCode, failureReason }) => `Failed (${reasonCode})${because(failureReason)}.`,
  LeaseRetained: () => 'Failed. Its sandbox is retained.',
  SandboxKept: ({ until }, recordedAt) => `Its sandbox is kept until ${atAndIn(until, recordedAt)}.`,
  SandboxHandedOn: ({ leaseId }) => `Its sandbox was handed to lease ${shortId(leaseId)}.`,
  StaleFenceRefused: ({ fence, command }) =>
    `Refused ${command}: it came with fence ${fence}, of an earlier holder (stale_fence).`,
  SandboxDiscarded: ({ reasonCode }) => `Its sandbox is no longer kept (${reasonCode}). Cleanup follows.`,
};

export function leaseSentence({ type, data, recordedAt }: Recorded<LeaseEvent>): string {
  const sentence = SENTENCES[type] as (data: unknown, recordedAt: string) => string;
  return sentence(data, recordedAt);
}

/** With both, the signal is a guess from the code. */
function endOf(exitCode: number | null, signal: string | null): string {
  if (exitCode === null) return `by ${signal ?? 'a signal'}`;
  return `with exit code ${exitCode}${signal === null ? '' : ` (probably ${signal})`}`;
}
