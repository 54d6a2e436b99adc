import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { newId } from '../src/event-sourcing/ids/new-id.js';
import type { HostUnderTest } from '../test/runtime/drivers/ssh/host-under-test.js';
import type { TestSshd } from '../test/support/sshd.js';
import type { Contender, Runnable } from './measure.js';

const run = promisify(execFile);

/** The driver as the service has it: its connections stay open between the steps. */
export function pooledDriver(host: HostUnderTest): Contender {
  return {
    name: 'pooled driver',
    async call(timed) {
      const lease = await timed('acquire', () => host.acquire());
      const { exitCode } = await timed('execute', () => host.execute(lease, { command: 'true' }));
      const outcome = await timed('release', () => host.driver.release(lease));
      if (exitCode !== 0 || outcome !== 'cleaned') throw new Error('A step of the driver has failed.');
    },
  };
}

/**
 * The same steps as one would write them with the `ssh` client, one process for each. They do less on the host than the
 * driver's: no lock, no refusal of late commands, no watch over what runs; a folder with the fence in it is all.
 * @param shared whether the processes share one connection (ControlMaster)
 */
export async function forkedClient(sshd: TestSshd, { shared }: { readonly shared: boolean }): Promise<Runnable> {
  const folder = await mkdtemp(join(tmpdir(), 'leasehold-bench-ssh-'));
  const [key, knownHosts] = [join(folder, 'key'), join(folder, 'known_hosts')];
  await writeFile(key, sshd.privateKey, { mode: 0o600 });
  await writeFile(knownHosts, `${sshd.knownHosts}\n`);
  const options = {
    IdentitiesOnly: 'yes',
    BatchMode: 'yes',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: knownHosts,
    ...(shared && { ControlMaster: 'auto', ControlPersist: '600', ControlPath: join(folder, 'master') }),
  };
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  // Without the machine's own ssh_config, which could only make it slower.
  const client = ['-F', 'none', '-i', key, '-p', String(sshd.port), ...words, `${sshd.username}@${sshd.host}`];
  const ssh = (command: string): Promise<unknown> => run('ssh', [...client, command]);
  return {
    name: shared ? 'ssh, ControlMaster' : 'ssh, a fork each',
    async call(timed) {
      const lease = `${sshd.workspace}/.forked/${newId()}`;
      await timed('acquire', () => ssh(`mkdir -p ${lease} && printf %s 1 > ${lease}/fence`));
      await timed('execute', () => ssh('true'));
      await timed('release', () => ssh(`rm -r ${lease}`));
    },
    async close() {
      if (shared) await run('ssh', ['-O', 'exit', ...client]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
