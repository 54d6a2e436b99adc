import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { endsWithUs } from './ends-with-us.js';
import { freePort } from './free-port.js';
import { expectNoSecrets } from './secrets-used.js';

/** A real Redis on loopback that keeps nothing; what it forgets when it is restarted is lost. */
export class TestRedis {
  private constructor(
    private server: ChildProcess,
    private readonly folder: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<TestRedis> {
    const folder = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-redis-`));
    const port = await freePort();
    return new TestRedis(await launch(folder, port), folder, port);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async flushAll(): Promise<void> {
    await this.ask((client) => client.flushall());
  }

  /** Every key there is, with its value as text, whatever its type. */
  async dump(): Promise<string> {
    return this.ask(async (client) => {
      const keys = await client.keys('*');
      const values = await Promise.all(keys.map((key) => client.dumpBuffer(key)));
      return keys.join('\n') + values.map((value) => value?.toString('latin1') ?? '').join('\n');
    });
  }

  /** Ends it with SIGKILL and starts an empty one at the same address. */
  async restart(): Promise<void> {
    await end(this.server);
    this.server = await launch(this.folder, this.port);
  }

  async stop(): Promise<void> {
    if (this.server.exitCode === null && this.server.signalCode === null) await expectNoSecrets({ redis: this });
    await end(this.server);
    await rm(this.folder, { recursive: true, force: true });
  }

  private async ask<T>(question: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(this.url);
    try {
      return await question(client);
    } finally {
      client.disconnect();
    }
  }
}

export function startRedis(): Promise<TestRedis> {
  return TestRedis.start();
}

async function launch(folder: string, port: number): Promise<ChildProcess> {
  // Nothing is compressed, so that what it has can be found in a dump.
  const quiet = ['--save', '', '--appendonly', 'no', '--rdbcompression', 'no'];
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...quiet];
  const server = spawn(...endsWithUs('redis-server', settings), { stdio: 'ignore' });
  await Promise.race([once(server, 'spawn'), once(server, 'error').then(([error]) => Promise.reject(error as Error))]);
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 20, maxRetriesPerRequest: 200 });
  client.on('error', () => undefined);
  await client.ping().finally(() => client.disconnect());
  return server;
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.kill('SIGKILL');
  await once(server, 'exit');
}
