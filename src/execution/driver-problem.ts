import { DriverError } from '../drivers/driver-error.js';
import { failureText } from '../drivers/failure-text.js';
import { LeaseholdError } from '../errors/catalogue.js';

/** What a driver threw, as callers are told of it. */
export function driverProblem(error: unknown, leaseId: string): LeaseholdError {
  if (error instanceof LeaseholdError) return error;
  const reasonCode = error instanceof DriverError ? error.reasonCode : 'driver_failed';
  const hasItsOwn = reasonCode === 'unsupported_operation' || reasonCode === 'stale_fence';
  const code = hasItsOwn ? reasonCode : 'execution_failed';
  return new LeaseholdError(code, failureText(error), { leaseId, reasonCode });
}
