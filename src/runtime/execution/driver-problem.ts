import { DriverError } from '../../domain/driver-contract/driver-error.js';
import { failureText } from '../../domain/driver-contract/failure-text.js';
import { LeaseholdError, type ErrorCode } from '../../errors/catalogue.js';

/** Reasons that callers are told as they are. */
const OF_THEIR_OWN = ['unsupported_operation', 'stale_fence', 'sandbox_elsewhere'] as const;

/** What a driver threw, as callers are told of it. */
export function driverProblem(
  error: unknown,
  leaseId: string,
  otherwise: ErrorCode = 'execution_failed',
): LeaseholdError {
  if (error instanceof LeaseholdError) return error;
  const reasonCode = error instanceof DriverError ? error.reasonCode : 'driver_failed';
  const code = OF_THEIR_OWN.find((own) => own === reasonCode) ?? otherwise;
  return new LeaseholdError(code, failureText(error), { leaseId, reasonCode });
}
