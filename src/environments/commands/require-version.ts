import { LeaseholdError } from '../../errors/catalogue.js';

/** @throws LeaseholdError version_conflict when the caller expected another version. */
export function requireVersion(expected: number | null, actual: number): void {
  if (expected !== null && expected !== actual) {
    throw new LeaseholdError('version_conflict', `It has version ${actual}, not ${expected}.`, {
      actualVersion: actual,
    });
  }
}
