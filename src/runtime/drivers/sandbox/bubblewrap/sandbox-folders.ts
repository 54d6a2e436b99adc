import { chmod, chown, mkdir, open, readdir, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { newId } from '../../../../event-sourcing/ids/new-id.js';
import { endProcess, type ProcessId } from './processes.js';
import { isSandboxUser, SandboxUsers } from './sandbox-users.js';

const run = promisify(execFile);

/** Who holds a sandbox. `left`: its lease has ended and left it to another. `ended`: it is being taken down. */
export interface Holder {
  readonly state: 'lease' | 'left' | 'ended';
  readonly fence: number;
  readonly leaseId: string;
  readonly effectId: string;
}

type Owner = Omit<Holder, 'state'>;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const RECORD = /^(lease|left|ended)\.(\d+)\.([0-9a-f-]{36})\.([0-9a-f-]{36})$/;
const PROCESS = /^process\.(\d+)\.(\d+)$/;
/** Marks of sandboxes that are gone keep a late worker from making them again; after this nobody is that late. */
const MARKS_KEPT_MS = 24 * 3_600_000;

const ACCOUNTS = {
  passwd: 'sandbox:x:1000:1000:sandbox:/home/sandbox:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n',
  group: 'sandbox:x:1000:\nnogroup:x:65534:\n',
};

/**
 * The sandboxes' folders, `<data>/sandboxes/<name>`:
 *   lease.<fence>.<leaseId>.<effectId>   the record of who holds it; an empty file, for its name is what is compared and set
 *   process.<pid>.<start>                what runs round it, whichever process of the service has started it
 *   files/{workspace,home,etc}           all of it that can be seen from inside; the first two are its own user's
 * Processes of the service on one data folder change a record by renaming it: of two who would, one finds it gone.
 */
export class SandboxFolders {
  private readonly root: string;
  private readonly users: SandboxUsers;

  constructor(
    dataDir: string,
    private readonly asRoot: boolean,
  ) {
    this.root = join(dataDir, 'sandboxes');
    this.users = new SandboxUsers(join(this.root, '.users'));
  }

  /** Names this data folder, so that a sandbox of another one can be told from one that is gone. Made once, by whoever asks first. */
  async place(): Promise<string> {
    const path = join(this.root, '.place');
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    await symlink(newId(), path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
    return readlink(path);
  }

  /** Of all sandboxes in this data folder. */
  async names(): Promise<string[]> {
    return (await readdir(this.root).catch(noneIfMissing)).filter((name) => UUID.test(name));
  }

  path(name: string): string {
    if (!UUID.test(name)) throw new Error(`${name} is not the name of a sandbox.`);
    return join(this.root, name);
  }

  files(name: string): string {
    return join(this.path(name), 'files');
  }

  /** Makes a sandbox's folders, or those that are missing still. @returns false when it has been taken down already */
  async make(name: string, owner: Owner, log: string | null): Promise<boolean> {
    const files = this.files(name);
    await mkdir(join(this.root, '.gone'), { recursive: true, mode: 0o700 });
    for (const folder of ['workspace', 'home']) await mkdir(join(files, folder), { recursive: true });
    if (this.asRoot) {
      const uid = (await this.user(name)) ?? (await this.users.take(name));
      for (const folder of ['home', 'workspace']) await chown(join(files, folder), uid, uid);
    }
    await mkdir(join(files, 'etc'), { recursive: true });
    for (const [file, text] of Object.entries(ACCOUNTS)) {
      await writeFile(join(files, 'etc', file), text);
      await chmod(join(files, 'etc', file), 0o644);
    }
    // Whatever the service's umask is; nobody else gets as far as here, for the folder above is closed.
    for (const folder of [files, join(files, 'etc')]) await chmod(folder, 0o755);
    if (log !== null) await (await open(join(this.path(name), `log.${log}`), 'a')).close();
    const holder = await this.holder(name);
    if (holder === null) await (await open(this.record(name, { state: 'lease', ...owner }), 'a')).close();
    // Looked at last: a release marks it first and looks for the folder then, so one of the two sees the other.
    if (await exists(this.mark(name))) {
      await this.remove(name);
      return false;
    }
    return holder === null || (holder.state === 'lease' && holder.leaseId === owner.leaseId);
  }

  /** Whose a sandbox of root's is; null until it was given to somebody. */
  async user(name: string): Promise<number | null> {
    const { uid } = await stat(join(this.files(name), 'workspace'));
    return isSandboxUser(uid) ? uid : null;
  }

  async holder(name: string): Promise<Holder | null> {
    const names = await readdir(this.path(name)).catch(noneIfMissing);
    for (const entry of names) {
      const [, state, fence, leaseId = '', effectId = ''] = RECORD.exec(entry) ?? [];
      if (state !== undefined) return { state: state as Holder['state'], fence: Number(fence), leaseId, effectId };
    }
    return null;
  }

  /** The name of what an effect has made or taken over; null when there is nothing. */
  async findByEffect(effectId: string): Promise<string | null> {
    if (await exists(this.path(effectId))) {
      const holder = await this.holder(effectId);
      return holder === null || holder.effectId === effectId ? effectId : null;
    }
    const names = await readdir(this.root).catch(noneIfMissing);
    for (const name of names.filter((entry) => !entry.startsWith('.'))) {
      if ((await this.holder(name))?.effectId === effectId) return name;
    }
    return null;
  }

  /** Changes who holds it. @returns false when it was not as expected any more */
  async change(name: string, from: Holder, to: Holder): Promise<boolean> {
    return rename(this.record(name, from), this.record(name, to)).then(
      () => true,
      (error: unknown) => {
        if (isMissing(error)) return false;
        throw error;
      },
    );
  }

  /** Whether the sandbox's own folders are there, as the service has made them. */
  async isWhole(name: string): Promise<boolean> {
    const files = this.files(name);
    const found = await Promise.all(['workspace', 'home', 'etc/passwd'].map((entry) => exists(join(files, entry))));
    return found.every(Boolean);
  }

  /** Tells every process of the service what runs. */
  async noteProcesses(name: string, processes: readonly ProcessId[]): Promise<void> {
    for (const one of processes) await (await open(this.process(name, one), 'a')).close();
  }

  async forgetProcesses(name: string, processes: readonly ProcessId[]): Promise<void> {
    for (const one of processes) await rm(this.process(name, one), { force: true });
  }

  /** Ends all that runs in a sandbox, whoever has started it; resolves when it is gone. */
  async endProcesses(name: string): Promise<void> {
    for (const entry of await readdir(this.path(name)).catch(noneIfMissing)) {
      const [, pid, startedAt = ''] = PROCESS.exec(entry) ?? [];
      if (pid === undefined) continue;
      const one = { pid: Number(pid), startedAt };
      await endProcess(one);
      await this.forgetProcesses(name, [one]);
    }
  }

  /** Marks it as gone for good, so that no late worker creates it again. */
  async markGone(name: string): Promise<void> {
    await mkdir(dirname(this.mark(name)), { recursive: true, mode: 0o700 });
    await (await open(this.mark(name), 'w')).close();
    await this.forgetOldMarks();
  }

  /** Takes all of it away. What is in it may be deeper than a path is long, and closed to its own owner. */
  async remove(name: string): Promise<void> {
    await this.endProcesses(name);
    await this.users.giveBack(name);
    const path = this.path(name);
    if (!(await exists(path))) return;
    await run('chmod', ['-R', 'u+rwX', '--', this.files(name)]).catch(() => undefined);
    await run('rm', ['-rf', '--', this.files(name)]);
    // A process that starts a sandbox at this moment notes it, finds that the lease is over, and ends the sandbox.
    await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 5 });
  }

  private async forgetOldMarks(): Promise<void> {
    const folder = join(this.root, '.gone');
    const newest = join(folder, 'looked-through');
    const last = await stat(newest).catch(() => null);
    if (last && Date.now() - last.mtimeMs < MARKS_KEPT_MS) return;
    await writeFile(newest, '');
    for (const entry of await readdir(folder)) {
      const mark = join(folder, entry);
      const found = await stat(mark).catch(() => null);
      if (found && Date.now() - found.mtimeMs > MARKS_KEPT_MS) await rm(mark, { force: true });
    }
  }

  private record(name: string, { state, fence, leaseId, effectId }: Holder): string {
    return join(this.path(name), `${state}.${fence}.${leaseId}.${effectId}`);
  }

  private process(name: string, { pid, startedAt }: ProcessId): string {
    return join(this.path(name), `process.${pid}.${startedAt}`);
  }

  private mark(name: string): string {
    return join(this.root, '.gone', name);
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function noneIfMissing(error: unknown): string[] {
  if (isMissing(error)) return [];
  throw error;
}
