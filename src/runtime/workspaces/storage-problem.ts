import { LeaseholdError } from '../../errors/catalogue.js';
import { codeOf } from './local-tree.js';

export function storageFull(): LeaseholdError {
  return new LeaseholdError('storage_full', 'There is no space left on the disk.');
}

/** Whether there was no room left on this machine. */
export function isStorageFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error));
}

/** Of an error that came of making something in the data folder. */
export function storageProblem(error: unknown): LeaseholdError {
  if (isStorageFull(error)) return storageFull();
  const why = `A spool could not be made in the data folder (${codeOf(error)}).`;
  return new LeaseholdError('storage_unavailable', why);
}
