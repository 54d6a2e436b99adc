import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, query } from '../platform/embedded/support.js';
import { type Connection } from './database.js';
import { endsWithUs } from './ends-with-us.js';
import { freePort } from './free-port.js';

/** A real pgbouncer on loopback, as Debian's package has it: it passes on no start parameters but a few. */
export class PgBouncer {
  private constructor(
    private readonly server: ChildProcess,
    private readonly folder: string,
    readonly connection: Connection,
  ) {}

  static async start(to: Connection, poolMode: 'session' | 'transaction'): Promise<PgBouncer> {
    const folder = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-pgbouncer-`));
    await chmod(folder, 0o755);
    const port = await freePort();
    const config = join(folder, 'pgbouncer.ini');
    await writeFile(
      config,
      `[databases]
* = host=${to.host} port=${to.port} user=${to.user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${poolMode}
default_pool_size = 60
max_client_conn = 200
`,
    );
    const server = spawn(...(await asOwnerOf(to.host, '/usr/sbin/pgbouncer', ['-q', config])), { stdio: 'ignore' });
    await Promise.race([
      once(server, 'spawn'),
      once(server, 'error').then(([error]) => Promise.reject(error as Error)),
    ]);
    const connection = { ...to, host: '127.0.0.1', port };
    await eventually(() => query(connection, 'SELECT 1'));
    return new PgBouncer(server, folder, connection);
  }

  async stop(): Promise<void> {
    if (this.server.exitCode === null && this.server.signalCode === null) {
      this.server.kill('SIGKILL');
      await once(this.server, 'exit');
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** It does not run as root, and the folder of the socket is open to one user alone. */
async function asOwnerOf(folder: string, file: string, args: string[]): Promise<[string, string[]]> {
  if (process.geteuid?.() !== 0) return endsWithUs(file, args);
  const { uid, gid } = await stat(folder);
  const user = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  return ['/usr/bin/setpriv', [...user, '--pdeathsig', 'KILL', '--', file, ...args]];
}
