import { DriverError } from './driver-error.js';
import type { DriverReason, FailureClass } from './driver-names.js';
import { failureText } from './failure-text.js';

/** What a driver threw, as it is recorded. */
export interface DriverFailure {
  readonly failureClass: FailureClass;
  readonly reasonCode: DriverReason;
  readonly failureReason: string;
  readonly inDoubt: boolean;
}

/** A failure that the driver did not classify counts as permanent and in doubt. */
export function failureOf(error: unknown): DriverFailure {
  const failureReason = failureText(error);
  if (error instanceof DriverError) {
    const { failureClass, reasonCode, inDoubt } = error;
    return { failureClass, reasonCode, failureReason, inDoubt };
  }
  return { failureClass: 'permanent', reasonCode: 'driver_failed', failureReason, inDoubt: true };
}
