import type { Recorded } from '../../event-sourcing/event-log/index.js';
import type { LeaseEvent } from '../../domain/leases/events.js';

type Sentences = {
  readonly [Type in LeaseEvent['type']]: (data: Extract<LeaseEvent, { type: Type }>['data']) => string;
};

const orNothing = (text: string | null): string => (text === null || text === '' ? '' : `: ${text}`);
const then = (retryAt: string | null, end: string): string =>
  retryAt === null ? end : `It is tried again at ${retryAt}.`;
const seconds = (name: string, value: number | null): string[] => (value === null ? [] : [`${name} ${value} s`]);
const called = (providerLeaseId: string | null): string => (providerLeaseId === null ? '' : ` ${providerLeaseId}`);

/** What each event says to a person. */
const SENTENCES: Sentences = {
  LeaseRequested: ({ driver, provider, environmentId, leasePolicy, ttlSeconds, idleTtlSeconds, maxTtlSeconds }) => {
    const limits = [
      ...seconds('expires after', ttlSeconds),
      ...seconds('after idling for', idleTtlSeconds),
      ...seconds('at the latest after', maxTtlSeconds),
    ];
    const on = provider === null ? driver : `${driver} (${provider})`;
    return `A lease on the environment ${environmentId} was asked for: ${[on, leasePolicy, ...limits].join(', ')}.`;
  },
  ProvisioningRequested: () => 'It was put into the queue for a worker to provision.',
  ProvisioningStarted: ({ attempt }) => `A worker began attempt ${attempt} to provision it.`,
  ProvisioningAttemptFailed: ({ attempt, reasonCode, failureReason, inDoubt, retryAt }) =>
    `Attempt ${attempt} to provision it failed, ${reasonCode}${orNothing(failureReason)}. ` +
    `${inDoubt ? 'Something may have been made all the same. ' : ''}${then(retryAt, 'That was the last attempt.')}`,
  ProvisioningOvertaken: ({ grant }) =>
    grant === null
      ? 'Its end was asked for before the driver had made anything.'
      : `Its end was asked for while the driver made${called(grant.providerLeaseId) || ' something'}, which is to be taken down.`,
  ReuseAgreed: () => 'It may take over a sandbox that an ended lease left, and leave its own to a later one.',
  ReuseRejected: ({ leaseId, reasonCode, fields }) =>
    `The sandbox that the lease ${leaseId} left is not used, ${reasonCode}${orNothing(fields.join(', '))}.`,
  SandboxTakenOver: ({ leaseId, providerLeaseId }) =>
    `It takes over the sandbox${called(providerLeaseId)} that the lease ${leaseId} left.`,
  LeaseActivated: ({ providerLeaseId }) =>
    `The driver gave${called(providerLeaseId) || ' the environment'}, and the lease is active.`,
  DoubtOpened: ({ until }) => `An earlier attempt may have created a sandbox. Leasehold looks for it until ${until}.`,
  LeftoverDestroyed: ({ providerLeaseId }) => `Destroyed ${providerLeaseId}, which an earlier attempt had created.`,
  DoubtSettled: () => 'Nothing is left of earlier attempts.',
  LeaseReleaseRequested: ({ outcome, reasonCode, failureReason, deadline }) =>
    deadline === null
      ? `Its end was asked for as ${outcome}, ${reasonCode}${orNothing(failureReason)}.`
      : `Its deadline ${deadline} has passed, ${reasonCode}.`,
  CleanupRequested: () => 'What it holds is to be taken back.',
  CleanupStarted: ({ attempt }) => `A worker began attempt ${attempt} to take back what it holds.`,
  CleanupAttemptFailed: ({ attempt, reasonCode, failureReason, retryAt }) =>
    `Attempt ${attempt} to take it back failed, ${reasonCode}${orNothing(failureReason)}. ` +
    then(retryAt, 'That was the last attempt; the rest is an operator’s.'),
  CleanupRetryRequested: () => 'An operator had the cleanup tried again.',
  CleanupWrittenOff: ({ note }) => `An operator wrote the cleanup off${orNothing(note)}.`,
  CleanupSucceeded: () => 'What it held has been taken back.',
  CleanupFailed: ({ detail }) => `What it held could not be taken back${orNothing(detail)}.`,
  ExecutionStarted: ({ command, timeoutMs, argsCut }) =>
    `The command ${command} was started, for at most ${timeoutMs} ms.` +
    (argsCut ? ` ${argsCut.bytes} bytes of its arguments are not recorded.` : ''),
  ExecutionFinished: ({ exitCode, signal, timedOut, durationMs }) =>
    `The command ended after ${durationMs} ms, ${timedOut ? 'out of time' : endOf(exitCode, signal)}.`,
  ExecutionFailed: ({ reasonCode, failureReason }) =>
    `The command could not be run to its end, ${reasonCode}${orNothing(failureReason)}.`,
  WorkspaceRealized: () => 'Its workspace was made ready.',
  WorkspaceSynced: ({ direction }) =>
    direction === 'in' ? 'Files were brought into its workspace.' : 'Files were fetched from its workspace.',
  LeaseReleased: () => 'It has ended: released.',
  LeaseExpired: () => 'It has ended: expired.',
  LeaseFailed: ({ reasonCode, failureReason }) => `It has ended: failed, ${reasonCode}${orNothing(failureReason)}.`,
  LeaseRetained: () => 'It has ended as failed; what it had is retained.',
  SandboxKept: ({ until }) => `What it held is kept until ${until}.`,
  SandboxHandedOn: ({ leaseId }) => `What it had left is the lease ${leaseId}’s from now on.`,
  SandboxDiscarded: ({ reasonCode }) => `What it had left is to be taken down, ${reasonCode}.`,
};

export function leaseSentence({ type, data }: Recorded<LeaseEvent>): string {
  const sentence = SENTENCES[type] as (data: unknown) => string;
  return sentence(data);
}

/** With both, the signal is a guess from the code. */
function endOf(exitCode: number | null, signal: string | null): string {
  if (exitCode === null) return `by ${signal ?? 'a signal'}`;
  return `with exit code ${exitCode}${signal === null ? '' : ` (probably ${signal})`}`;
}
