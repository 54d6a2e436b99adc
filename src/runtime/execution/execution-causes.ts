import type { FailureClass } from '../../domain/driver-contract/driver-names.js';
import { failureOf } from '../../domain/driver-contract/failure-of.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import type { ReasonCode } from '../../domain/leases/lease-names.js';
import type { Lease } from '../../domain/leases/state.js';
import { driverProblem } from './driver-problem.js';
import type { ExecutionEnd } from './execution-ends.js';

/** Why a command was ended that could have gone on. */
const STOPPED = {
  caller_gone: ['permanent', 'The caller closed the connection, which stops the command.'],
  process_lost: ['transient', 'Another process considered this one lost and stopped the command.'],
  service_stopping: ['transient', 'The service is stopping and stopped the command.'],
} as const satisfies Partial<Record<ReasonCode, readonly [FailureClass, string]>>;

export class ExecutionStopped extends Error {
  override readonly name = 'ExecutionStopped';
  readonly failureClass: FailureClass;

  constructor(readonly reasonCode: keyof typeof STOPPED) {
    const [failureClass, message] = STOPPED[reasonCode];
    super(message);
    this.failureClass = failureClass;
  }
}

/** What a driver says of a command whose lease ended is of no use: the lease has the reason. */
export class LeaseEnded extends Error {
  override readonly name = 'LeaseEnded';
  readonly failureClass: FailureClass = 'permanent';

  constructor(readonly reasonCode: ReasonCode) {
    super(`The lease ended while the command ran (${reasonCode}).`);
  }
}

export function whyOver({ status, ending }: Lease): Error {
  return status === 'active'
    ? new ExecutionStopped('process_lost')
    : new LeaseEnded(ending?.reasonCode ?? 'released_by_caller');
}

type ExecutionFailure = Omit<Extract<ExecutionEnd, { type: 'ExecutionFailed' }>['data'], 'executionId'>;

/** As it is recorded. */
export function failureOfExecution(error: unknown): ExecutionFailure {
  if (error instanceof ExecutionStopped || error instanceof LeaseEnded) {
    const { failureClass, reasonCode, message: failureReason } = error;
    return { failureClass, reasonCode, failureReason };
  }
  return failureOf(error);
}

/** As its caller is told. */
export function executionProblem(error: unknown, leaseId: string): LeaseholdError {
  if (error instanceof LeaseEnded) {
    return new LeaseholdError('lease_ended', error.message, { leaseId, reasonCode: error.reasonCode });
  }
  if (error instanceof ExecutionStopped) {
    return new LeaseholdError('execution_failed', error.message, { leaseId, reasonCode: error.reasonCode });
  }
  return driverProblem(error, leaseId);
}

/** The error for a command whose end another process has recorded. */
export function problemOfEnd(end: ExecutionEnd | null, leaseId: string): LeaseholdError {
  if (end?.type === 'ExecutionFailed') {
    const { failureReason, reasonCode } = end.data;
    return new LeaseholdError('execution_failed', failureReason, { leaseId, reasonCode });
  }
  const detail = 'Another process recorded how the command ended; see the lease’s events.';
  return new LeaseholdError('execution_failed', detail, { leaseId, reasonCode: 'process_lost' });
}

/** Does it when the signal is aborted, or at once if it is. @returns how to stop following */
export function follow(signal: AbortSignal, then: () => void): () => void {
  if (signal.aborted) then();
  else signal.addEventListener('abort', then);
  return () => signal.removeEventListener('abort', then);
}
