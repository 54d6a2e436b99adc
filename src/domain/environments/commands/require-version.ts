import { LeaseholdError } from '../../../errors/catalogue.js';
import type { EnvironmentState } from '../state.js';

/** @throws LeaseholdError version_conflict when the caller has read another version. */
export function requireVersion(expected: number | null, state: EnvironmentState): void {
  const actual = state.kind === 'none' ? 0 : state.environment.version;
  if (expected !== null && expected !== actual) {
    throw new LeaseholdError('version_conflict', `The current version is ${actual}, not ${expected}.`, {
      actualVersion: actual,
    });
  }
}
