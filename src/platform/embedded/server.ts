import { readFile, rmdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.js';
import { type RunResult, run } from './run-as.js';
import { PORT, prepareSocketFolder } from './socket-folder.js';

const START_TIMEOUT_SECONDS = 30;
const STOP_TIMEOUT_MS = 60_000;
const STOP_POLL_MS = 10;
const MAX_START_LOG_BYTES = 1_000_000;

/**
 * Given at every start instead of being written into postgresql.conf, so that they are this version's, and the socket
 * is where the folder is now.
 */
function settings(cluster: Cluster): Record<string, string> {
  return {
    listen_addresses: '',
    port: String(PORT),
    unix_socket_directories: `"${cluster.socketDir.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    max_connections: '200',
    shared_buffers: '128MB',
    huge_pages: 'off',
    // Nothing replicates from it: less WAL, and no processes for it.
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_logical_replication_workers: '0',
    // What it reads is small and mostly in memory: no processes for that either.
    io_method: 'sync',
    // After a checkpoint each page is logged as a whole when it is first touched: seldom is cheap, at this much disk.
    max_wal_size: '2GB',
    checkpoint_timeout: '10min',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // One file a weekday, begun again each week.
    logging_collector: 'on',
    log_directory: cluster.logDir,
    log_filename: 'postgres-%a.log',
    log_rotation_age: '1d',
    log_rotation_size: '0',
    log_truncate_on_rotation: 'on',
    log_checkpoints: 'off',
  };
}

/** pg_ctl puts the postmaster into a session of its own: neither Ctrl-C nor this process's death reaches it. */
export async function startServer(cluster: Cluster): Promise<RunResult> {
  await prepareSocketFolder(cluster.socketDir, cluster.identity);
  const startLog = join(cluster.logDir, 'start.log');
  await keepSmall(startLog);
  const options = Object.entries(settings(cluster)).map(([name, value]) => `-c ${shellQuoted(`${name}=${value}`)}`);
  return await run(cluster.identity, cluster.binaries.pgCtl, [
    'start',
    '--wait',
    `--timeout=${String(START_TIMEOUT_SECONDS)}`,
    `--pgdata=${cluster.pgData}`,
    `--log=${startLog}`,
    `--options=${options.join(' ')}`,
  ]);
}

/**
 * Not `pg_ctl stop --wait`: it waits for the pid file to go, and when another process has started Postgres again at once
 * it finds that one's file, and waits in vain.
 */
export async function stopServer(cluster: Cluster): Promise<RunResult> {
  const postmaster = await postmasterPid(cluster);
  const asked = await tellToStop(cluster);
  if (!asked.ok) return asked;
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (postmaster !== undefined && (await postmasterPid(cluster)) === postmaster) {
    if (performance.now() > deadline) return { ok: false, output: `it still runs as process ${postmaster}` };
    await sleep(STOP_POLL_MS);
  }
  // Empty once Postgres has stopped; one in /tmp would stay for ever. Every start makes it again.
  await rmdir(cluster.socketDir).catch(() => undefined);
  return { ok: true, output: asked.output };
}

export async function tellToStop({ identity, binaries, pgData }: Cluster): Promise<RunResult> {
  return await run(identity, binaries.pgCtl, ['stop', '--mode=fast', '--no-wait', `--pgdata=${pgData}`]);
}

async function postmasterPid(cluster: Cluster): Promise<string | undefined> {
  const text = await readFile(join(cluster.pgData, 'postmaster.pid'), 'utf8').catch(() => undefined);
  return text?.split('\n', 1)[0];
}

/** What Postgres says before its own log is open; a few lines a start. */
async function keepSmall(file: string): Promise<void> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > MAX_START_LOG_BYTES) await truncate(file);
}

/** pg_ctl hands its --options to /bin/sh. */
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
