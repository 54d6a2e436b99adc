import { DriverError } from '../drivers/driver-error.js';
import { failureText } from '../drivers/failure-text.js';
import type { EffectFailure } from '../leases/state.js';

/** What a driver threw, as it is recorded. What it did not class itself is taken for lasting, and for in doubt. */
export function failureOf(error: unknown): EffectFailure & { readonly inDoubt: boolean } {
  const failureReason = failureText(error);
  if (error instanceof DriverError) {
    const { failureClass, reasonCode, inDoubt } = error;
    return { failureClass, reasonCode, failureReason, inDoubt };
  }
  return { failureClass: 'permanent', reasonCode: 'driver_failed', failureReason, inDoubt: true };
}
