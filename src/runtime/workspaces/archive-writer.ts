import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { pack, type Header } from 'tar-stream';
import { writeTo } from './flow.js';
import { ChangedError } from './local-tree.js';

export type ArchiveItem =
  /** `content` gives exactly `size` bytes; without `modified` it is of now. */
  | {
      readonly type: 'file';
      readonly mode: number;
      readonly size: number;
      readonly modified?: Date | undefined;
      readonly content: AsyncIterable<Uint8Array>;
    }
  | { readonly type: 'symlink'; readonly target: string }
  | { readonly type: 'directory'; readonly mode: number };

type EntryHeader = Partial<Header> & { readonly name: string };

/** Before it a zip, and so a wheel or a jar, has no times; after it some file systems have none. */
const EARLIEST = new Date('1980-01-02T00:00:00Z');
const LATEST = new Date('2037-12-31T00:00:00Z');

/** A time that can be written anywhere, the nearest to a file's own. */
export function usableTime(modified: Date | undefined): Date {
  const time = modified?.getTime() ?? Date.now();
  if (Number.isNaN(time)) return EARLIEST;
  return new Date(Math.min(Math.max(time, EARLIEST.getTime()), LATEST.getTime()));
}

/** Writes a tar archive onto a stream, one entry after the other. */
export class ArchiveWriter {
  private readonly pack = pack();
  /** Of the target, whose end is all that the entries would tell of. */
  private failure: Error | null = null;

  constructor(private readonly target: Writable) {
    target.on('error', (error) => (this.failure ??= error)).once('close', () => this.pack.destroy());
    // It is told to the code that waits for an entry.
    this.pack.on('error', () => undefined);
    void this.pump();
  }

  /** @throws Error when the target is closed, or the content is not as long as it was to be */
  async add(path: string, item: ArchiveItem): Promise<void> {
    await this.write(path, item).catch((error: unknown) => {
      throw this.failure ?? error;
    });
  }

  private async write(path: string, item: ArchiveItem): Promise<void> {
    const mtime = usableTime(item.type === 'file' ? item.modified : undefined);
    const header: EntryHeader = { name: path, uid: 0, gid: 0, mtime };
    if (item.type === 'symlink') return this.put({ ...header, type: 'symlink', linkname: item.target, mode: 0o777 });
    if (item.type === 'directory') return this.put({ ...header, type: 'directory', mode: item.mode });
    const { mode, size, content } = item;
    if (size === 0) return this.put({ ...header, type: 'file', mode, size });
    await this.putFile({ ...header, type: 'file', mode, size }, content);
  }

  /** Resolves when all of it has been taken. */
  async finish(): Promise<void> {
    const done = finished(this.target, { readable: false });
    this.pack.finalize();
    await done;
  }

  private async put(header: EntryHeader): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.pack.entry(header, (error) => (error ? reject(error) : resolve())).end(null);
    });
  }

  private async putFile(header: EntryHeader, content: AsyncIterable<Uint8Array>): Promise<void> {
    const over = new Promise<void>((resolve, reject) => {
      const sink = this.pack.entry(header, (error) => (error ? reject(error) : resolve()));
      sink.on('error', () => undefined);
      fill(sink, header, content).catch(reject);
    });
    await over;
  }

  private async pump(): Promise<void> {
    try {
      for await (const chunk of this.pack as AsyncIterable<Uint8Array>) await writeTo(this.target, chunk);
      this.target.end();
    } catch (error) {
      this.target.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

type Sink = ReturnType<ReturnType<typeof pack>['entry']>;

async function fill(sink: Sink, { name, size = 0 }: EntryHeader, content: AsyncIterable<Uint8Array>): Promise<void> {
  let left = size;
  for await (const chunk of content) {
    left -= chunk.length;
    if (left < 0) break;
    await writeTo(sink, chunk);
  }
  if (left !== 0) throw new ChangedError(`${name} changed its length while it was read.`);
  sink.end(null);
}
