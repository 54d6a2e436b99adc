import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The leases that are live on a host, as it has them itself. */
export async function leasesOnHost(workspace: string): Promise<string[]> {
  const folder = join(workspace, '.leasehold', 'leases');
  const leases = await readdir(folder).catch(() => [] as string[]);
  const states = await Promise.all(
    leases.map((lease) => readFile(join(folder, lease, 'state'), 'utf8').catch(() => 'none')),
  );
  return leases.filter((_lease, index) => states[index] === 'live');
}
