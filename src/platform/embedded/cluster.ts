import { randomBytes } from 'node:crypto';
import { access, chown, mkdir, open, readFile, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Binaries, findBinaries } from './binaries.js';
import { EmbeddedPostgresError, USE_YOUR_OWN, codeOf } from './errors.js';
import { diskNote } from './disk-note.js';
import { type Identity, candidates, nameOf, ownerOf, run } from './run-as.js';
import { prepareSocketFolder, socketFolder } from './socket-folder.js';

/** A database folder that initdb has finished, and what is needed to run it and to connect to it. */
export interface Cluster {
  readonly binaries: Binaries;
  readonly identity: Identity;
  /** Postgres's own PGDATA, without symlinks */
  readonly pgData: string;
  readonly logDir: string;
  readonly socketDir: string;
  readonly password: string;
}

export const USER = 'leasehold';

const ABANDONED_AFTER_MS = 10 * 60_000;

export async function openCluster(dataDir: string, log: (message: string) => void): Promise<Cluster> {
  const binaries = await findBinaries();
  await mkdir(dataDir, { recursive: true }).catch((error: unknown) => {
    if (!['EEXIST', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw error;
    throw new EmbeddedPostgresError(
      `LEASEHOLD_DATA_DIR (${dataDir}) is not a folder: set it to one, or ${USE_YOUR_OWN}.`,
    );
  });
  // Two spellings of one folder have to lead to one socket.
  const folder = join(await realpath(dataDir), 'postgres');
  if (!(await exists(folder))) await create(folder, binaries, log);
  const identity = await ownerOf(folder);
  const made = await readMade(folder);
  const socketDir = socketFolder(folder);
  await prepareSocketFolder(socketDir, identity);
  return { binaries, identity, ...made, logDir: join(folder, 'log'), socketDir };
}

/**
 * The database is made beside its place and renamed into it, so that it is there completely or not at all, also when
 * two processes start at once or one is killed half-way.
 */
async function create(folder: string, binaries: Binaries, log: (message: string) => void): Promise<void> {
  const startedAt = performance.now();
  await removeAbandoned(folder);
  const failures: string[] = [];
  for (const identity of await candidates(binaries.initdb)) {
    const draft = `${folder}.new-${randomBytes(6).toString('hex')}`;
    try {
      const failure = await initialise(draft, binaries, identity);
      if (failure !== undefined) {
        failures.push(`as ${nameOf(identity)}: ${failure}`);
        continue;
      }
      if (await renameIfFree(draft, folder)) {
        log(`created the embedded Postgres, run as ${nameOf(identity)}, in ${elapsed(startedAt)}`);
      }
      return;
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
  throw new EmbeddedPostgresError(
    `The embedded Postgres could not be created in ${folder}. Ways out: run as an ordinary user, set ` +
      `LEASEHOLD_DATA_DIR to a folder that the user postgres or nobody can reach, or ${USE_YOUR_OWN}.\n` +
      `${await diskNote(folder)}${failures.join('\n')}`,
  );
}

/** Answers what went wrong, or undefined. */
async function initialise(draft: string, binaries: Binaries, identity: Identity): Promise<string | undefined> {
  const password = join(draft, 'password');
  const give = async (path: string) => {
    if (identity.kind === 'user') await chown(path, identity.uid, identity.gid);
  };
  await mkdir(draft, { mode: 0o700 });
  await mkdir(join(draft, 'log'), { mode: 0o700 });
  await writeFile(password, randomBytes(24).toString('base64url'), { mode: 0o600 });
  for (const path of [draft, join(draft, 'log'), password]) await give(path);
  const result = await run(identity, binaries.initdb, [
    `--pgdata=${join(draft, 'data')}`,
    `--username=${USER}`,
    `--pwfile=${password}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // Postgres's own C.UTF-8: the same order and the same upper and lower case on every operating system.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ]);
  return result.ok ? undefined : result.output;
}

async function renameIfFree(draft: string, folder: string): Promise<boolean> {
  try {
    await rename(draft, folder);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  }
  const parent = await open(join(folder, '..'));
  await parent.sync().finally(() => parent.close());
  return true;
}

/** Drafts of processes that were killed during initdb. */
async function removeAbandoned(folder: string): Promise<void> {
  const parent = join(folder, '..');
  for (const name of await readdir(parent)) {
    if (!name.startsWith('postgres.new-')) continue;
    const draft = join(parent, name);
    const changedAt = await stat(draft).then(
      ({ mtimeMs }) => mtimeMs,
      () => Infinity,
    );
    if (Date.now() - changedAt > ABANDONED_AFTER_MS) await rm(draft, { recursive: true, force: true });
  }
}

async function readMade(folder: string): Promise<{ pgData: string; password: string }> {
  try {
    const password = (await readFile(join(folder, 'password'), 'utf8')).trim();
    // As the kernel spells it: it is compared with the working directory of a process.
    return { pgData: await realpath(join(folder, 'data')), password };
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new EmbeddedPostgresError(
      `${folder} is not an embedded Postgres that Leasehold created (the password or the data is missing): ` +
        `move it away, choose another LEASEHOLD_DATA_DIR, or ${USE_YOUR_OWN}`,
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function elapsed(since: number): string {
  return `${String(Math.round(performance.now() - since))} ms`;
}
