import type { DriverReason, FailureClass } from './driver-names.js';

/**
 * A failure that a driver knows the kind of. Its message is shown to callers and recorded: it says what to do about it
 * and has no secret in it. What a driver throws besides counts as `permanent`, `driver_failed` and in doubt.
 */
export class DriverError extends Error {
  override readonly name = 'DriverError';

  /**
   * @param inDoubt whether something may have been made on the provider's side anyway; false only where that is
   * certain. A lease that fails in doubt is cleaned up.
   */
  constructor(
    readonly failureClass: FailureClass,
    readonly reasonCode: DriverReason,
    message: string,
    readonly inDoubt: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
