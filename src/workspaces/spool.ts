import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

/** A folder of this process's own for what is too large to be kept in memory until it is known whether it is wanted. */
export class Spool {
  private files = 0;

  private constructor(private readonly folder: string) {}

  static async make(): Promise<Spool> {
    return new Spool(await mkdtemp(join(tmpdir(), 'leasehold-sync-')));
  }

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
