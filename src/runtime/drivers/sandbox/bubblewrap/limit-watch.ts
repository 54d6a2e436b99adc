import { execFile } from 'node:child_process';
import { readdir, readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DriverError } from '../../../../domain/driver-contract/driver-error.js';
import type { SandboxLimits } from './bubblewrap-config.js';
import { limitExceeded } from './command-output.js';
import type { ProcessId } from './processes.js';

const run = promisify(execFile);

const MEMORY_EVERY_MS = 100;
const DISK_EVERY_MS = 500;
/** Measuring takes at most this share of the time, however many files there are. */
const DISK_SHARE = 0.2;
const MIB = 1024 ** 2;
const KIB = 1024;
const PAGE_BYTES = 4_096;
/** What the kernel takes for a file in memory, whatever is in it, and may take for what is on its way in a socket. */
const FILE_BYTES = 1_024;
const SOCKET_BYTES = 64 * KIB;
/** What programs commonly have. */
const SOCKETS_FREE = 512;

/**
 * Looks, while something runs in a sandbox, at what the kernel's limits do not bound: the memory of all its processes together with
 * the files it keeps in memory, and the disk that its folders take. What is more than may be, it reports once.
 */
export class LimitWatch {
  private readonly timers = new Set<NodeJS.Timeout>();
  private begun: Promise<void> | null = null;
  /** The least disk that was ever in use here, and what was free on it then. Null until it was looked at. */
  private least: { readonly used: number; readonly free: number } | null = null;
  /** What was in use when what runs began, and what was free. It is no fault of its; it may be about to remove it. */
  private before = { used: 0, free: 0 };

  /**
   * @param files the sandbox's folder on disk
   * @param over called when a limit is exceeded
   */
  constructor(
    private readonly init: ProcessId,
    private readonly files: string,
    private readonly limits: SandboxLimits & { readonly network: boolean },
    private readonly over: (why: DriverError) => void,
  ) {}

  /** Resolves when what runs may begin: what is on the disk by then is no fault of its. */
  start(): Promise<void> {
    // What cannot be looked at is on its way out.
    this.begun ??= this.begin().catch(() => undefined);
    return this.begun;
  }

  stop(): void {
    this.begun = null;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  /**
   * Measuring takes a process, and its time with many files: only where more may be in use than may be, as what is gone from the
   * disk since the last time tells.
   */
  private async begin(): Promise<void> {
    const free = await this.freeBytes();
    const atMost = Math.max(0, this.before.used + this.before.free - free);
    const isWithin = this.least !== null && atMost <= this.limits.diskMb * MIB;
    this.before = isWithin ? { used: atMost, free } : await this.measure(free);
    this.after(MEMORY_EVERY_MS, () => this.lookAtMemory());
    this.after(DISK_EVERY_MS, () => this.lookAtDisk());
  }

  private after(ms: number, look: () => Promise<void>): void {
    if (!this.begun) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      look().catch(() => undefined);
    }, ms).unref();
    this.timers.add(timer);
  }

  private exceeded(limit: 'memoryMb' | 'diskMb'): void {
    if (!this.begun) return;
    this.stop();
    this.over(
      limitExceeded(`The sandbox used more than ${limit} (${this.limits[limit]}), so all its processes were stopped.`),
    );
  }

  private async lookAtMemory(): Promise<void> {
    const most = this.limits.memoryMb * MIB;
    // Pages that processes share are counted for each of them by the first sum, which costs little, and once by the second.
    const isTooMuch = (await this.memoryBytes(resident)) > most && (await this.memoryBytes(proportional)) > most;
    if (isTooMuch) this.exceeded('memoryMb');
    else this.after(MEMORY_EVERY_MS, () => this.lookAtMemory());
  }

  private async lookAtDisk(): Promise<void> {
    const startedAt = performance.now();
    const now = await this.measure(await this.freeBytes());
    if (now.used > this.limits.diskMb * MIB && now.used > this.before.used) {
      this.exceeded('diskMb');
      return;
    }
    if (now.used < this.before.used) this.before = now;
    const took = performance.now() - startedAt;
    this.after(Math.max(DISK_EVERY_MS, took / DISK_SHARE), () => this.lookAtDisk());
  }

  private async measure(free: number): Promise<{ used: number; free: number }> {
    const measured = await diskBytes(this.files);
    // A folder that is closed to its own owner can be measured by root only; to others, what is gone from the disk tells.
    const hidden = measured.whole || this.least === null ? 0 : this.least.used + this.least.free - free;
    const now = { used: Math.max(measured.bytes, hidden), free };
    if (this.least === null || now.used < this.least.used) this.least = now;
    return now;
  }

  private async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.files);
    return bavail * bsize;
  }

  /** Of all its processes, by the sandbox's own /proc, which has no others; and of the files it keeps in memory. */
  private async memoryBytes(measure: (folder: string) => Promise<number>): Promise<number> {
    const root = `/proc/${this.init.pid}/root`;
    const proc = join(root, 'proc');
    const folders = (await readdir(proc)).filter((name) => /^\d+$/.test(name)).map((name) => join(proc, name));
    const sizes = await Promise.all([
      // One that has ended meanwhile has none.
      ...folders.map((folder) => measure(folder).catch(() => 0)),
      ...['tmp', 'dev/shm'].map(async (folder) => {
        const { blocks, bfree, bsize, files, ffree } = await statfs(join(root, folder));
        return (blocks - bfree) * bsize + (files - ffree) * FILE_BYTES;
      }),
      this.limits.network ? 0 : socketBytes(this.init),
    ]);
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  }
}

/** Of a network namespace of its own. */
async function socketBytes({ pid }: ProcessId): Promise<number> {
  const counts = await readFile(`/proc/${pid}/net/sockstat`, 'utf8');
  const used = Number(/^sockets: used (\d+)$/m.exec(counts)?.[1] ?? 0);
  return Math.max(0, used - SOCKETS_FREE) * SOCKET_BYTES;
}

async function resident(folder: string): Promise<number> {
  const [, pages = '0'] = (await readFile(join(folder, 'statm'), 'utf8')).split(' ');
  return Number(pages) * PAGE_BYTES;
}

async function proportional(folder: string): Promise<number> {
  const rollup = await readFile(join(folder, 'smaps_rollup'), 'utf8');
  const shares = [...rollup.matchAll(/^Pss_(?:Anon|Shmem):\s+(\d+) kB$/gm)].map(([, kib]) => Number(kib) * KIB);
  return shares.reduce((sum, bytes) => sum + bytes, 0);
}

/** What `du` finds, and whether it could look everywhere. */
async function diskBytes(files: string): Promise<{ bytes: number; whole: boolean }> {
  const args = ['-s', '-x', '-B1', '--', files];
  return run('du', args).then(
    ({ stdout }) => ({ bytes: Number.parseInt(stdout, 10), whole: true }),
    (error: unknown) => ({ bytes: Number.parseInt((error as { stdout: string }).stdout, 10) || 0, whole: false }),
  );
}
