import { execFile, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { EmbeddedPostgresError, USE_YOUR_OWN } from './errors.js';

/** Who Postgres runs as. It refuses uid 0, so that root has to run it as somebody else. */
export type Identity =
  | { readonly kind: 'self'; readonly uid: number }
  | { readonly kind: 'user'; readonly uid: number; readonly gid: number; readonly name: string }
  /** this process's own files, seen as another user's inside a user namespace: for folders that only root can reach */
  | { readonly kind: 'namespace'; readonly uid: number; readonly seenAs: number };

export function nameOf(identity: Identity): string {
  switch (identity.kind) {
    case 'self':
      return `uid ${String(identity.uid)}`;
    case 'user':
      return `user ${identity.name}`;
    case 'namespace':
      return `uid ${String(identity.uid)} in a user namespace (unshare)`;
  }
}

/** Whom to try for a new database, best first. Only trying tells who can reach both the binaries and the folder. */
export async function candidates(binary: string): Promise<Identity[]> {
  const self = ownUid();
  // The namespace helps an ordinary user whom no passwd entry names (a container's arbitrary uid): initdb insists on one.
  if (self !== 0) return [{ kind: 'self', uid: self }, await namespace(self)];
  const found = await knownUsers();
  // root in somebody's checkout under a 0700 home: only its owner can reach it, a namespace of root's cannot.
  const { uid, gid } = await stat(binary);
  if (uid !== 0) found.push({ kind: 'user', uid, gid, name: `with uid ${String(uid)}` });
  return [...found, await namespace(0)];
}

/** The owner of an existing database decides who runs it. */
export async function ownerOf(folder: string): Promise<Identity> {
  const { uid, gid } = await stat(folder);
  const self = ownUid();
  if (self === 0) return uid === 0 ? await namespace(0) : { kind: 'user', uid, gid, name: `with uid ${String(uid)}` };
  if (uid === self) return { kind: 'self', uid };
  throw new EmbeddedPostgresError(
    `${folder} belongs to uid ${String(uid)}, and this process is uid ${String(self)}: run it as that user, ` +
      `choose another LEASEHOLD_DATA_DIR, or ${USE_YOUR_OWN}`,
  );
}

export interface RunResult {
  readonly ok: boolean;
  readonly output: string;
}

/** Runs one of Postgres's programs to its end. A failure is an answer, not an exception. */
export async function run(identity: Identity, file: string, args: readonly string[]): Promise<RunResult> {
  const [program, programArgs] =
    identity.kind === 'namespace' ? ['unshare', [...mapping(identity.seenAs), '--', file, ...args]] : [file, args];
  return await new Promise((resolve) => {
    const child = spawn(program, programArgs, {
      // The service's environment holds secrets, and PG* variables that would steer Postgres: it gets neither.
      env: {
        PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
        LC_ALL: 'C',
        TZ: 'UTC',
        // glibc gives memory back to the kernel after every larger statement, to ask for it again with the next: with an
        // append of many events that was a sixth of the backend's time. From 128 KiB on it does so after each use, unless
        // it is told of a higher threshold; it takes none above 32 MiB.
        MALLOC_TOP_PAD_: String(16 * 2 ** 20),
        MALLOC_TRIM_THRESHOLD_: String(64 * 2 ** 20),
        MALLOC_MMAP_THRESHOLD_: String(32 * 2 ** 20),
      },
      // That user may be unable to enter the service's working directory.
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(identity.kind === 'user' ? { uid: identity.uid, gid: identity.gid } : {}),
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('error', (error) => resolve({ ok: false, output: `${program}: ${error.message}` }));
    child.once('close', (code) => resolve({ ok: code === 0, output: Buffer.concat(chunks).toString().trim() }));
  });
}

function ownUid(): number {
  return process.geteuid?.() ?? -1;
}

/** initdb refuses a uid without a passwd entry, and nobody promises one for any particular number. */
async function namespace(uid: number): Promise<Identity> {
  const [known] = await knownUsers();
  return { kind: 'namespace', uid, seenAs: known?.uid ?? 1000 };
}

function mapping(seenAs: number): string[] {
  return ['--user', `--map-user=${String(seenAs)}`, `--map-group=${String(seenAs)}`];
}

async function knownUsers(): Promise<Identity[]> {
  const found = await Promise.all(['postgres', 'nobody'].map(lookUp));
  return found.filter((user) => user !== undefined);
}

async function lookUp(name: string): Promise<Identity | undefined> {
  const ask = async (flag: string) => Number((await promisify(execFile)('id', [flag, name])).stdout);
  try {
    const [uid, gid] = await Promise.all([ask('-u'), ask('-g')]);
    return uid > 0 && gid >= 0 ? { kind: 'user', uid, gid, name } : undefined;
  } catch {
    return undefined;
  }
}
