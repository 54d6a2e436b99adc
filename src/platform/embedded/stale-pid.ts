import { randomBytes } from 'node:crypto';
import { link, readFile, readlink, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from './cluster.js';
import { SOCKET_FILE } from './socket-folder.js';

/**
 * Postgres takes its lock file for a live one as long as any process of that number exists. That is wrong for a zombie
 * (a killed postmaster that a slow PID 1 has not reaped) and for a number given to another program after a reboot.
 * Answers whether anything was removed. Linux only: elsewhere there is no /proc to ask.
 */
export async function removeStalePidFiles(cluster: Cluster): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  let removed = false;
  for (const file of [join(cluster.pgData, 'postmaster.pid'), join(cluster.socketDir, `${SOCKET_FILE}.lock`)]) {
    const text = await readOrNothing(file);
    if (text === undefined) continue;
    const pid = Math.abs(Number.parseInt(text, 10));
    if (pid > 0 && !(await isPostmasterOf(cluster.pgData, pid)) && (await removeExactly(file, text))) removed = true;
  }
  return removed;
}

async function isPostmasterOf(pgData: string, pid: number): Promise<boolean> {
  const status = await readOrNothing(`/proc/${String(pid)}/stat`);
  if (status === undefined) return false;
  // "pid (comm) state …", and comm may hold anything, brackets included.
  const commEnd = status.lastIndexOf(')');
  if (['Z', 'X'].includes(status.charAt(commEnd + 2))) return false;
  try {
    // Every process of Postgres works in its PGDATA.
    return (await readlink(`/proc/${String(pid)}/cwd`)) === pgData;
  } catch {
    return status.slice(status.indexOf('(') + 1, commEnd) === 'postgres';
  }
}

/**
 * Removes the file only while it says what was judged: another process may have removed the same stale file and started
 * Postgres meanwhile, and a postmaster that misses its own file shuts down.
 */
async function removeExactly(file: string, judged: string): Promise<boolean> {
  const aside = `${file}.stale-${randomBytes(6).toString('hex')}`;
  try {
    await rename(file, aside);
  } catch {
    return false;
  }
  const same = (await readOrNothing(aside)) === judged;
  if (!same) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
  return same;
}

async function readOrNothing(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}
