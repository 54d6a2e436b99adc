import { DriverError } from '../../domain/driver-contract/driver-error.js';
import type { RuntimeDriver } from '../../domain/driver-contract/runtime-driver.js';

/** Whether a workspace has to be moved to where this driver's leases are, and can be. */
export function movesWorkspaces({ driver, capabilities }: RuntimeDriver): boolean {
  return driver !== 'local' && capabilities.supportsRunExecution;
}

/** @throws DriverError unsupported_operation */
export function mustMove(driver: RuntimeDriver): void {
  if (movesWorkspaces(driver)) return;
  const why =
    driver.driver === 'local'
      ? 'Local work uses the workspace in its place: there is nothing to sync.'
      : `${driver.displayName} runs no commands, so no workspace can be synced there.`;
  throw new DriverError('config', 'unsupported_operation', why, false);
}
