import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Holding, Holdings } from '../../../../domain/driver-contract/runtime-driver.js';
import type { SandboxFolders } from './sandbox-folders.js';

const LOG = /^log\.([0-9a-f-]{36})$/;
const SUSPECT = 'suspect';

/**
 * The sandboxes in the data folder, whatever the log says of them. Two empty files beside a sandbox's record of its holder:
 *   log.<id>   the log whose lease it was made for, by the id of that log's first event
 *   suspect    no lease of that log holds it, since the file was made
 */
export class SandboxHoldings implements Holdings {
  constructor(private readonly folders: SandboxFolders) {}

  async all(): Promise<readonly Holding[]> {
    const found: Holding[] = [];
    for (const name of await this.folders.names()) {
      const holder = await this.folders.holder(name);
      if (holder === null) continue;
      const entries = await readdir(this.folders.path(name)).catch(() => []);
      const log = entries.flatMap((entry) => LOG.exec(entry)?.[1] ?? [])[0] ?? null;
      const suspectSince = await this.suspectSince(name);
      found.push({ name, leaseId: holder.leaseId, log, suspectSince });
    }
    return found;
  }

  async suspect(name: string): Promise<void> {
    await touch(join(this.folders.path(name), SUSPECT));
  }

  async confirm(name: string, log: string): Promise<void> {
    await touch(join(this.folders.path(name), `log.${log}`));
    await rm(join(this.folders.path(name), SUSPECT), { force: true });
  }

  async remove({ name, leaseId }: Holding): Promise<boolean> {
    const holder = await this.folders.holder(name);
    if (holder?.leaseId !== leaseId) return false;
    await this.folders.markGone(name);
    // Whoever holds it at this moment finds that it does not.
    if (holder.state !== 'ended' && !(await this.folders.change(name, holder, { ...holder, state: 'ended' }))) {
      return false;
    }
    await this.folders.remove(name);
    return true;
  }

  private async suspectSince(name: string): Promise<number | null> {
    const found = await stat(join(this.folders.path(name), SUSPECT)).catch(() => null);
    return found?.mtimeMs ?? null;
  }
}

/** Its time stays that of when it was made. */
async function touch(path: string): Promise<void> {
  await (await open(path, 'a')).close();
}
