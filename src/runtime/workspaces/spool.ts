import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { processOf } from '../drivers/sandbox/bubblewrap/processes.js';
import { storageProblem } from './storage-problem.js';

const SPOOL = 'spool';

/** This process's own folder, which need not be there yet. */
export async function ownSpool(dataDir: string): Promise<string> {
  const { pid } = process;
  return join(dataDir, SPOOL, `${pid}.${(await processOf(pid))?.startedAt ?? ''}`);
}

/**
 * Where spools are: `<data>/spool/<pid>.<start of the process>/`. What processes have left there that were killed is removed at the next start;
 * those that run on the same data folder keep theirs.
 */
@Injectable()
export class Spools implements OnModuleInit {
  private readonly dataDir: string;

  constructor(@Inject(CONFIG) { dataDir }: Pick<Config, 'dataDir'>) {
    this.dataDir = dataDir;
  }

  async onModuleInit(): Promise<void> {
    const folder = join(this.dataDir, SPOOL);
    for (const name of await readdir(folder).catch(() => [])) {
      const [pid = '', startedAt] = name.split('.');
      const owner = await processOf(Number(pid));
      if (owner === null || owner.startedAt !== startedAt)
        await rm(join(folder, name), { recursive: true, force: true });
    }
  }

  /** Gives a spool that is gone afterwards. */
  async during<Result>(work: (spool: Spool) => Promise<Result>): Promise<Result> {
    const spool = await this.make();
    return await work(spool).finally(() => spool.close());
  }

  /** The caller closes it. @throws LeaseholdError storage_full, storage_unavailable */
  async make(): Promise<Spool> {
    const own = await ownSpool(this.dataDir);
    try {
      await mkdir(own, { recursive: true, mode: 0o700 });
      return new Spool(await mkdtemp(join(own, 'sync-')));
    } catch (error) {
      throw storageProblem(error);
    }
  }
}

/** A folder of this process's own for what is too large to be kept in memory until it is known whether it is wanted. */
export class Spool {
  private files = 0;

  constructor(private readonly folder: string) {}

  /** A name for a new file. */
  name(): string {
    this.files += 1;
    return join(this.folder, String(this.files));
  }

  /** Keeps a content. @returns the file's name */
  async keep(content: AsyncIterable<Uint8Array>): Promise<string> {
    const name = this.name();
    const handle = await open(name, 'wx', 0o600);
    try {
      for await (const chunk of content) await handle.writeFile(chunk);
    } finally {
      await handle.close();
    }
    return name;
  }

  read(name: string): Readable {
    return createReadStream(name);
  }

  async drop(name: string): Promise<void> {
    await rm(name, { force: true });
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
