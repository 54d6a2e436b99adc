import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { AppModule } from '../../src/app/app.module.js';
import { Sealer } from '../../src/audit/seals/sealer.js';
import { readConfig, type Settings } from '../../src/platform/config/config.js';
import type { RuntimeDriver } from '../../src/domain/driver-contract/runtime-driver.js';
import { openCluster, USER } from '../../src/platform/embedded/cluster.js';
import { joinEmbeddedPostgres } from '../../src/platform/embedded/index.js';
import { DATABASE } from '../../src/platform/embedded/presence.js';
import { PORT } from '../../src/platform/embedded/socket-folder.js';
import { EVENT_DEFINITIONS } from '../../src/app/event-definitions.js';
import { createHttpApp } from '../../src/platform/http/index.js';
import { Api } from './api.js';
import { bareEnvironment } from './bare-environment.js';
import { type Connection, createTestDatabase } from './database.js';
import { copyPreparedPostgres } from './prepared-postgres.js';
import { expectNoSecrets } from './secrets-used.js';

export interface Service {
  readonly api: Api;
  readonly connection: Connection;
  /** What it logged, at warn and error. */
  readonly logged: readonly string[];
  /**
   * Ends it, and starts it again on the same database; `api` is the new one's from then on.
   * @param changed settings that are other ones from then on
   */
  restart(changed?: Settings): Promise<void>;
  /** Seals nothing any more, until it is started again. */
  stopSealing(): Promise<void>;
  close(): Promise<void>;
}

/** So that no service of a test makes a key in the checkout. */
export const SECRETS_KEY = Buffer.alloc(32, 'leasehold test').toString('base64');

/** The service in this process, on a fresh database. @param settings environment variables of the service */
export async function serve(settings: Settings = {}, drivers: readonly RuntimeDriver[] = []): Promise<Service> {
  const database = await createTestDatabase();
  try {
    let now: Settings = { LEASEHOLD_SECRETS_KEY: SECRETS_KEY, LEASEHOLD_AUDIT_KEY: SECRETS_KEY, ...settings };
    const logged: string[] = [];
    const keep = (...texts: unknown[]): void => void logged.push(texts.map(String).join(' '));
    const start = async () => {
      const config = readConfig(now);
      const module = AppModule.on(database.connection, config, drivers);
      const app = await createHttpApp(module, config.allowedOrigins, EVENT_DEFINITIONS);
      Logger.overrideLogger({ log: () => undefined, warn: keep, error: keep });
      await app.listen(0, '127.0.0.1');
      const { port } = app.getHttpServer().address() as AddressInfo;
      return { app, api: new Api(`http://127.0.0.1:${port}`) };
    };
    let { app, api } = await start();
    return {
      get api() {
        return api;
      },
      connection: database.connection,
      logged,
      restart: async (changed = {}) => {
        await app.close();
        now = { ...now, ...changed };
        ({ app, api } = await start());
      },
      stopSealing: () => app.get(Sealer).stop(),
      close: async () => {
        await app.close().finally(() => database.drop());
        await expectNoSecrets({ logs: { service: logged.join('\n') } });
      },
    };
  } catch (error) {
    await database.drop();
    throw error;
  }
}

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'bundle', 'main.mjs');
const READY_TIMEOUT_MS = 60_000;

/** The built service as a process of its own. */
export class ServiceProcess {
  /** What it has written so far, stdout and stderr. */
  output = '';
  private address: string | null = null;
  readonly #exited: Promise<unknown>;

  constructor(private readonly child: ChildProcess) {
    this.#exited = once(child, 'close');
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('The service was not started.');
    return this.child.pid;
  }

  get url(): string {
    if (this.address === null) throw new Error('The service does not listen.');
    return this.address;
  }

  get api(): Api {
    return new Api(this.url);
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Waits for the address that it tells. @throws Error with what it wrote instead. */
  async listening(): Promise<this> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (this.address === null) {
      this.address = /^Leasehold listens on (http:\/\/\S+)/m.exec(this.output)?.[1] ?? null;
      if (this.address !== null) break;
      if (!this.alive || performance.now() > deadline) throw new Error(`The service does not listen:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this;
  }

  /** Waits until a process of the role `worker` is at work. @throws Error with what it wrote instead. */
  async working(): Promise<this> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (!this.output.includes('Leasehold runs as a worker')) {
      if (!this.alive || performance.now() > deadline) throw new Error(`The worker does not work:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this;
  }

  /** @returns its exit code; null when a signal ended it. */
  async exited(): Promise<number | null> {
    await this.#exited;
    return this.child.exitCode;
  }

  /** SIGKILL, by its pid: it can do nothing about it. */
  async kill(): Promise<void> {
    if (this.alive) process.kill(this.pid, 'SIGKILL');
    await this.exited();
  }

  /** As Ctrl-C does. */
  async interrupt(): Promise<number | null> {
    if (this.alive) process.kill(this.pid, 'SIGINT');
    return this.exited();
  }
}

/**
 * A data folder and the service processes that are started on it; `close` ends all of them and what they left behind. Its
 * name says whose it is, so that the next test run can do so where this one was killed (see run-folder.mjs).
 */
export class ServiceHome {
  readonly dataDir: string;
  private readonly processes: ServiceProcess[] = [];

  private constructor(private readonly root: string) {
    this.dataDir = join(root, 'data');
  }

  /** One whose Postgres has been made and migrated, as by a start before. */
  static async make(): Promise<ServiceHome> {
    const home = await ServiceHome.empty();
    await copyPreparedPostgres(home.dataDir);
    return home;
  }

  static async empty(): Promise<ServiceHome> {
    const root = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-`));
    // Where root runs the tests, Postgres is another user.
    await chmod(root, 0o755);
    return new ServiceHome(root);
  }

  /**
   * Starts a process; whether it comes to listen is another question.
   * @param launcher words that start it in their own way, before its own
   */
  spawn(settings: Readonly<Record<string, string>> = {}, launcher: readonly string[] = []): ServiceProcess {
    const env = { ...bareEnvironment(), PORT: '0', LEASEHOLD_DATA_DIR: this.dataDir, ...settings };
    const [file, ...args] = [...launcher, process.execPath, MAIN];
    const service = new ServiceProcess(spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] }));
    this.processes.push(service);
    return service;
  }

  start(settings: Readonly<Record<string, string>> = {}, launcher: readonly string[] = []): Promise<ServiceProcess> {
    return this.spawn(settings, launcher).listening();
  }

  /** The pid of the embedded Postgres, as its own file says; null when there is none. */
  async postmaster(): Promise<number | null> {
    const text = await readFile(this.postmasterFile, 'utf8').catch(() => null);
    return text === null ? null : Number.parseInt(text, 10);
  }

  /** Leads to the embedded Postgres without joining it: when the last service is gone, nobody keeps it. */
  async connection(): Promise<Connection> {
    const { socketDir, password } = await openCluster(this.dataDir, () => undefined);
    return { host: socketDir, port: PORT, user: USER, password, database: DATABASE };
  }

  /** Ends every process that was started here, and the Postgres that none of them has stopped; the data stays. */
  async endAll(): Promise<void> {
    await Promise.all(this.processes.map((service) => service.kill()));
    if (!existsSync(this.postmasterFile)) return;
    const left = await joinEmbeddedPostgres({ dataDir: this.dataDir, log: () => undefined });
    await left.leave();
  }

  async close(): Promise<void> {
    try {
      await this.endAll();
      const logs = Object.fromEntries(this.processes.map(({ output }, index) => [`service ${index}`, output]));
      await expectNoSecrets({ dataDir: existsSync(this.dataDir) ? this.dataDir : null, logs });
    } finally {
      await rm(this.root, { recursive: true, force: true });
    }
  }

  private get postmasterFile(): string {
    return join(this.dataDir, 'postgres', 'data', 'postmaster.pid');
  }
}
