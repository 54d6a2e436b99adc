import { mkdtempSync, readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporaryFolders } from '../../scripts/temporary-folder.mjs';

const PREFIX = 'leasehold-test-run-';

/** A folder for this test run's Postgres; its name says which process it belongs to. */
export function makeRunFolder() {
  return mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
}

/** Stops what is left of test runs that were killed, and removes their folders. */
export async function removeAbandonedRuns(joinEmbeddedPostgres) {
  const found = temporaryFolders().flatMap((place) => readdirSync(place).map((name) => [place, name]));
  for (const [place, name] of found) {
    if (!name.startsWith(PREFIX) || isAlive(Number.parseInt(name.slice(PREFIX.length), 10))) continue;
    const folder = join(place, name);
    if (statSync(folder, { throwIfNoEntry: false })?.uid !== process.geteuid?.()) continue;
    try {
      for (const dataDir of dataFoldersIn(folder)) {
        const orphan = await joinEmbeddedPostgres({ dataDir, log: () => undefined });
        await orphan.leave();
      }
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      process.stderr.write(`could not remove ${folder}, left by a killed test run: ${error.message}\n`);
    }
  }
}

/** Those whose Postgres was not stopped. */
function dataFoldersIn(folder) {
  const mark = join('postgres', 'data', 'postmaster.pid');
  return readdirSync(folder, { recursive: true })
    .filter((path) => path.endsWith(mark))
    .map((path) => join(folder, path.slice(0, -mark.length)));
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
