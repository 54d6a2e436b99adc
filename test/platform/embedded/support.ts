import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type EmbeddedPostgres, joinEmbeddedPostgres } from '../../../src/platform/embedded/index.js';
import { copyPreparedPostgres } from '../../support/prepared-postgres.js';

export type Connection = EmbeddedPostgres['connection'];

/**
 * A data folder with everything that a test starts in it; `close` ends and removes all of it. Its name says whose it is,
 * so that the next test run can do so where this one was killed (see run-folder.mjs).
 */
export class Place {
  readonly dataDir: string;
  readonly messages: string[] = [];
  readonly #root: string;
  readonly #members: EmbeddedPostgres[] = [];
  readonly #processes: ChildProcess[] = [];

  private constructor(root: string, dataDir: string) {
    this.#root = root;
    this.dataDir = dataDir;
  }

  static async make({ mode = 0o755, below = 'data' } = {}): Promise<Place> {
    const root = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-`));
    await chmod(root, mode);
    return new Place(root, join(root, below));
  }

  /** One whose Postgres has been made before. */
  static async prepared(where?: { mode?: number; below?: string }): Promise<Place> {
    const place = await Place.make(where);
    await copyPreparedPostgres(place.dataDir);
    return place;
  }

  async join(): Promise<EmbeddedPostgres> {
    const member = await joinEmbeddedPostgres({
      dataDir: this.dataDir,
      log: (message) => this.messages.push(message),
    });
    this.#members.push(member);
    return member;
  }

  /** Joins in a process of its own. */
  async joinElsewhere(): Promise<{ connection: Connection; process: ChildProcess; leave(): Promise<void> }> {
    const child = fork(new URL('./member.fixture.mjs', import.meta.url), [this.dataDir], { execArgv: [] });
    this.#processes.push(child);
    const [{ connection }] = (await once(child, 'message')) as [{ connection: Connection }];
    const leave = async () => {
      const exited = once(child, 'exit');
      child.send('leave');
      await exited;
    };
    return { connection, process: child, leave };
  }

  get pgData(): string {
    return join(this.dataDir, 'postgres', 'data');
  }

  get pidFile(): string {
    return join(this.pgData, 'postmaster.pid');
  }

  get postmaster(): number {
    return Number.parseInt(readFileSync(this.pidFile, 'utf8'), 10);
  }

  /** Stops all that was started in it; the data stays. */
  async endAll(): Promise<void> {
    for (const child of this.#processes) if (child.exitCode === null) child.kill('SIGKILL');
    await Promise.all(this.#members.map((member) => member.leave()));
    if (existsSync(this.pidFile)) await (await this.join()).leave();
    this.messages.length = 0;
  }

  async close(): Promise<void> {
    await this.endAll();
    await rm(this.#root, { recursive: true, force: true });
  }
}

export async function query<Row extends pg.QueryResultRow>(connection: Connection, sql: string): Promise<Row[]> {
  const client = new pg.Client(connection);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

export async function eventually<T>(attempt: () => Promise<T>, timeoutMs = 10_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(20);
    }
  }
}

/** A zombie does not count. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const status = `/proc/${String(pid)}/stat`;
  return !existsSync(status) || !/\) [ZX] /.test(readFileSync(status, 'utf8'));
}
