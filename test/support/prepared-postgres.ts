import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Gives a data folder an embedded Postgres that has been made and migrated, as by a start before. */
export async function copyPreparedPostgres(dataDir: string): Promise<void> {
  const prepared = process.env['LEASEHOLD_TEST_PREPARED'];
  if (prepared === undefined) throw new Error('LEASEHOLD_TEST_PREPARED is not set: run the tests with `npm test`');
  await mkdir(dataDir, { recursive: true });
  await promisify(execFile)('cp', ['-a', prepared, join(dataDir, 'postgres')]);
}
