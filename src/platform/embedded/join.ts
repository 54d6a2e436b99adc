import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { type Cluster, USER, openCluster } from './cluster.js';
import { diskNote } from './disk-note.js';
import { EmbeddedPostgresError, USE_YOUR_OWN, textOf } from './errors.js';
import { DATABASE, attemptPresence, close, endPresence } from './presence.js';
import { startServer, stopServer, tellToStop } from './server.js';
import { PORT } from './socket-folder.js';
import { removeStalePidFiles } from './stale-pid.js';

export interface EmbeddedPostgres {
  /** spread into pg's PoolConfig or TypeORM's options; `host` is the folder of a unix socket */
  readonly connection: { host: string; port: number; user: string; password: string; database: string };
  /**
   * leaves the database; the last process to leave stops Postgres. Close your own connections first. One that does not answer
   * `withinMs` is told to stop, which it does once it goes on: other processes that use it bring it back.
   */
  leave(withinMs?: number): Promise<void>;
}

export interface JoinOptions {
  /** Leasehold's data folder; Postgres gets a folder of its own in it */
  dataDir: string;
  log: (message: string) => void;
}

const DEADLINE_MS = 30_000;
/** While Postgres answers that it is starting up (a long recovery), it is alive, and giving up would help nobody. */
const BUSY_DEADLINE_MS = 300_000;
const ASK_AGAIN_MS = 50;
const REJOIN_PAUSE_MS = 5_000;
const LEAVE_MS = 10_000;

/**
 * Joins the private Postgres in the data folder: makes it, starts it, or uses the one that another process has started
 * or left behind. While joined, a Postgres that dies is started again.
 *
 * @throws EmbeddedPostgresError where it cannot be had; the message says which ways out there are
 */
export async function joinEmbeddedPostgres({ dataDir, log }: JoinOptions): Promise<EmbeddedPostgres> {
  const cluster = await openCluster(dataDir, log);
  const membership = new Membership(cluster, log);
  await membership.join();
  return {
    connection: {
      host: cluster.socketDir,
      port: PORT,
      user: USER,
      password: cluster.password,
      database: DATABASE,
    },
    leave: (withinMs = LEAVE_MS) => membership.leave(withinMs),
  };
}

class Membership {
  readonly #cluster: Cluster;
  readonly #log: (message: string) => void;
  readonly #gone = new AbortController();
  #client: pg.Client | undefined;
  #rejoining: Promise<void> = Promise.resolve();
  #leaving: Promise<void> | undefined;

  constructor(cluster: Cluster, log: (message: string) => void) {
    this.#cluster = cluster;
    this.#log = log;
  }

  async join(): Promise<void> {
    const client = await becomePresent(this.#cluster, this.#log, this.#gone.signal);
    this.#client = client;
    client.once('end', () => {
      if (this.#client === client) this.#client = undefined;
      if (!this.#gone.signal.aborted) this.#rejoining = this.#rejoin();
    });
  }

  leave(withinMs: number): Promise<void> {
    this.#leaving ??= this.#leave(withinMs);
    return this.#leaving;
  }

  async #rejoin(): Promise<void> {
    this.#log('lost the embedded Postgres: restarting it');
    while (!this.#isGone()) {
      try {
        await this.join();
        return;
      } catch (error) {
        if (this.#isGone()) return;
        this.#log(textOf(error));
        await sleep(REJOIN_PAUSE_MS, undefined, { signal: this.#gone.signal }).catch(() => undefined);
      }
    }
  }

  /** A method, because it changes while others wait. */
  #isGone(): boolean {
    return this.#gone.signal.aborted;
  }

  async #leave(withinMs: number): Promise<void> {
    this.#gone.abort();
    await this.#rejoining;
    const client = this.#client;
    if (!client) return;
    try {
      // The lock stays ours until Postgres has stopped: whoever comes now waits, and starts it again.
      const others = await endPresence(client, withinMs);
      if (others === 'no answer') {
        await tellToStop(this.#cluster);
        this.#log('the embedded Postgres does not answer; it was told to stop');
      }
      if (others === 'last') {
        const stopped = await stopServer(this.#cluster);
        this.#log(
          stopped.ok ? 'stopped the embedded Postgres' : `the embedded Postgres did not stop: ${stopped.output}`,
        );
      }
    } catch (error) {
      this.#log(`the embedded Postgres had already stopped: ${textOf(error)}`);
    } finally {
      await close(client);
    }
  }
}

/** Tries until it holds: there is no lock file that could be left behind, and any number of processes may try at once. */
async function becomePresent(cluster: Cluster, log: (message: string) => void, gone: AbortSignal): Promise<pg.Client> {
  const begunAt = performance.now();
  let lastStart = '';
  let started = false;
  for (;;) {
    // pg_ctl's word that it runs is not enough: a killed postmaster that nobody reaped still reads as running.
    const attempt = await attemptPresence(cluster);
    const ms = Math.round(performance.now() - begunAt);
    if (attempt.kind === 'present') {
      log(`${started ? 'started the embedded Postgres' : 'joined the running embedded Postgres'} in ${String(ms)} ms`);
      return attempt.client;
    }
    gone.throwIfAborted();
    if (attempt.kind === 'refused' || ms > (attempt.kind === 'busy' ? BUSY_DEADLINE_MS : DEADLINE_MS)) {
      throw new EmbeddedPostgresError(
        `The embedded Postgres in ${cluster.pgData} cannot be used: ${textOf(attempt.error)}. ` +
          `Look into ${cluster.logDir}, choose another LEASEHOLD_DATA_DIR, or ${USE_YOUR_OWN}.\n` +
          `${await diskNote(cluster.pgData)}${lastStart}`.trim(),
      );
    }
    if (attempt.kind === 'unreachable') {
      const start = await startServer(cluster);
      if (start.ok) {
        started = true;
        continue;
      }
      lastStart = start.output;
      if (await removeStalePidFiles(cluster)) continue;
    }
    await sleep(ASK_AGAIN_MS);
  }
}
