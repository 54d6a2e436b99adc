import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endsWithUs } from './ends-with-us.js';
import { freePort } from './free-port.js';
import { useSecret } from './secrets-used.js';

const run = promisify(execFile);

export interface SshdOptions {
  /** Lines of sshd_config besides those that a test host has. */
  readonly config?: readonly string[];
  /** The same, before those: the first line with a name counts. */
  readonly first?: readonly string[];
  /** Lines of authorized_keys besides the client key's. */
  readonly authorizedKeys?: readonly string[];
}

/**
 * A real OpenSSH server on loopback with keys that are thrown away with it. It lets in the user that runs the tests, with
 * the client key alone, so that nothing of the machine has to be changed for it.
 */
export interface TestSshd {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** PEM, as in `privateKey` of a config. */
  readonly privateKey: string;
  /** A known_hosts line, as in `knownHosts` of a config. */
  readonly knownHosts: string;
  /** A folder of its own for each server, empty, for `remoteWorkspacePath`. */
  readonly workspace: string;
  /** Whether a client is connected. */
  isConnected(): Promise<boolean>;
  /** It and its connections do nothing any more, and stay open, until they are let go on or stopped. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Ends the connections that it has, too. */
  stop(): Promise<void>;
}

export async function startSshd({ config = [], first = [], authorizedKeys = [] }: SshdOptions = {}): Promise<TestSshd> {
  const folder = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-sshd-`));
  const [hostKey, clientKey, workspace] = [join(folder, 'host'), join(folder, 'client'), join(folder, 'workspace')];
  await mkdir(workspace);
  for (const key of [hostKey, clientKey]) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const authorized = join(folder, 'authorized_keys');
  const letIn = [await readFile(`${clientKey}.pub`, 'utf8'), ...authorizedKeys];
  await writeFile(authorized, letIn.join('\n'), { mode: 0o600 });
  await chmod(folder, 0o700);
  const port = await freePort();
  const { username, uid } = userInfo();
  const sshdConfig = join(folder, 'sshd_config');
  const lines = [
    ...first,
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${authorized}`,
    'PubkeyAuthentication yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'StrictModes no',
    `UsePAM ${(await isLocked(username)) ? 'yes' : 'no'}`,
    'PidFile none',
    `AllowUsers ${username}`,
    'MaxStartups 200',
    ...config,
    // Keeps bash from reading the start files of whoever runs the tests, which may take longer than all else.
    'SetEnv SHLVL=1',
  ];
  await writeFile(sshdConfig, `${lines.join('\n')}\n`);
  // Where root starts it, sshd insists on the folder that it separates its privileges in.
  if (uid === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  // A process group of its own: the servers of its connections are ended with it.
  const server = spawn(...endsWithUs('/usr/sbin/sshd', ['-D', '-e', '-f', sshdConfig]), {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await listening(server, port, () => said);
  const privateKey = await readFile(clientKey, 'utf8');
  useSecret('client key', privateKey);
  useSecret('host key', await readFile(hostKey, 'utf8'));
  const publicHostKey = (await readFile(`${hostKey}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ');
  return {
    host: '127.0.0.1',
    port,
    username,
    privateKey,
    knownHosts: `[127.0.0.1]:${port} ${publicHostKey}`,
    workspace,
    isConnected: async () => (await descendantsOf(Number(server.pid))).length > 0,
    freeze: () => signalAll(server, 'SIGSTOP'),
    thaw: () => signalAll(server, 'SIGCONT'),
    stop: async () => {
      if (server.exitCode === null && server.signalCode === null && server.pid !== undefined) {
        // Each connection has a process in a session of its own.
        const serving = await descendantsOf(server.pid);
        process.kill(-server.pid, 'SIGKILL');
        for (const pid of serving) killed(pid);
        await once(server, 'exit');
      }
      // What was left to run on the host by itself may still be writing there.
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

async function signalAll({ pid: main }: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  for (const pid of [Number(main), ...(await descendantsOf(Number(main)))]) process.kill(pid, signal);
}

async function descendantsOf(ancestor: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-eo', 'pid=,ppid=']);
  const pairs = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found = [ancestor];
  for (const one of found) for (const [pid = 0, parent] of pairs) if (parent === one) found.push(pid);
  return found.slice(1);
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Without PAM sshd lets nobody into an account that is locked, such as root's on many machines, whatever key he has. */
async function isLocked(username: string): Promise<boolean> {
  // Only root may read it, and only for root does sshd look into it.
  const shadow = await readFile('/etc/shadow', 'utf8').catch(() => '');
  return shadow.split('\n').some((line) => line.startsWith(`${username}:!`));
}

async function listening(server: ChildProcess, port: number, said: () => string): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    if (server.exitCode !== null) throw new Error(`sshd does not start:\n${said()}`);
    const socket = connect(port, '127.0.0.1');
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`sshd does not listen:\n${said()}`);
}
