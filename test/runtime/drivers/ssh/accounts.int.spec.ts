import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { leasesOnHost } from '../../../support/ssh-host.js';
import { account, type AccountOptions } from '../../../support/accounts.js';
import { UNUSUAL_HOSTS } from '../../../support/ssh-hosts.js';
import { HostUnderTest, NEVER } from './host-under-test.js';

const run = promisify(execFile);

const ECHO = 'echo "+ $SSH_ORIGINAL_COMMAND" >&2; echo "$SSH_ORIGINAL_COMMAND"';

const ACCOUNTS: readonly (AccountOptions & { readonly name: string })[] = [
  ...UNUSUAL_HOSTS.filter(({ sshd }) => sshd === undefined),
  { name: 'start files that print each command', starts: ECHO },
  {
    name: 'start files that export functions and settings',
    starts: 'export POSIXLY_CORRECT=1 TAR_OPTIONS=-v CDPATH=/',
    shell: 'bash',
  },
];

async function on(options: AccountOptions, work: (host: HostUnderTest) => Promise<void>): Promise<void> {
  const { config, ...made } = await account(options);
  const host = await HostUnderTest.start({ config });
  try {
    await work(host);
  } finally {
    await host.stop();
    await made.remove();
  }
}

describe.each(ACCOUNTS)('an account with $name', (options) => {
  test('is probed, leased, runs commands as they are given, and is given back', async () => {
    await on(options, async (host) => {
      const { companyId, config } = host.request();
      const probed = await host.driver.probe({ companyId, environmentId: 'unsaved', config, signal: NEVER });
      expect(probed).toMatchObject({ ok: true, details: { reasonCode: null } });
      const lease = await host.acquire();
      expect(await leasesOnHost(host.sshd.workspace)).toEqual([lease.leaseId]);

      const args = [`it's "so"!`, 'two\nlines', '$(id)`id`', 'ünï😀', '', '\\n\\\\', '!!', '%s', '*'];
      const env = {
        SAID: `a 'b' "c" $d\n\`e\` ! ü`,
        PATH: `${process.env['PATH'] ?? ''}:/x y`,
        UID: '12',
        LC_ALL: 'C',
      };
      const script =
        'for a in "$@"; do printf "%s\\0" "$a"; done; printf "%s\\0" "$SAID" "$PATH" "$LC_ALL"; env | grep -c ^UID=12; cat >&2';
      const input = Buffer.from(Array.from({ length: 70_000 }, (_none, index) => (index * 7 + (index >> 8)) % 256));
      const ran = await host.execute(lease, {
        ...{ command: 'sh', args: ['-c', script, 'sh', ...args], env },
        stdin: Readable.from([input]),
      });
      expect(ran.stdout.toString()).toBe([...args, env.SAID, env.PATH, env.LC_ALL, '1\n'].join('\0'));
      expect(ran.stderr.equals(input)).toBe(true);
      expect(ran).toMatchObject({ exitCode: 0, signal: null, timedOut: false });

      for (const given of [{}, { ONE: '1' }]) {
        const { stdout } = await host.execute(lease, { command: 'env', env: given });
        const names = stdout
          .toString()
          .trim()
          .split('\n')
          .map((line) => line.split('=')[0]);
        expect(names.sort()).toEqual(['HOME', 'LANG', 'PATH', ...Object.keys(given)].sort());
      }
      expect(await host.execute(lease, { command: 'sh', args: ['-c', 'exit 3'] })).toMatchObject({ exitCode: 3 });
      expect(await host.driver.release(lease)).toBe('cleaned');
      expect(await leasesOnHost(host.sshd.workspace)).toEqual([]);
    });
  });
});

describe('an account that runs no commands', () => {
  test.each([
    { name: 'nologin', shell: '/usr/sbin/nologin', says: 'This account is currently not available.' },
    { name: 'rbash', shell: 'rbash', says: 'restricted' },
    { name: 'a program that says nothing', shell: 'false', says: 'it said nothing' },
    { name: 'a program that does something else', shell: 'sh -c "echo welcome" --', says: 'welcome' },
  ])('is refused at once, with what it says: $name', async ({ shell, says }) => {
    await on({ shell }, async (host) => {
      const refusal = { failureClass: 'permanent', reasonCode: 'driver_failed', inDoubt: false };
      const message = expect.stringContaining(says) as unknown as string;
      await expect(host.acquire()).rejects.toMatchObject({ ...refusal, message });
      const { companyId, config } = host.request();
      const probed = await host.driver.probe({ companyId, environmentId: 'unsaved', config, signal: NEVER });
      expect(probed).toMatchObject({ ok: false, summary: message });
    });
  });

  test('as one for files alone (internal-sftp)', async () => {
    const host = await HostUnderTest.start({ config: ['ForceCommand internal-sftp'] });
    try {
      await expect(host.acquire()).rejects.toMatchObject({
        failureClass: 'permanent',
        message: expect.stringContaining('sftp') as unknown as string,
      });
    } finally {
      await host.stop();
    }
  });
});

test('a host that has no process to spare is asked again', async () => {
  await on(
    { shell: 'sh -c "echo bash: fork: retry: Resource temporarily unavailable >&2; exit 254"' },
    async (host) => {
      await expect(host.acquire()).rejects.toMatchObject({ failureClass: 'transient', inDoubt: false });
    },
  );
});

test.each(['dash', 'bash', 'busybox'])(
  'a list of processes shows a name, not the program, where sh is %s',
  async (sh) => {
    const folder = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-names-`));
    await symlink((await run('which', [sh])).stdout.trim(), join(folder, 'sh'));
    await on({ starts: `PATH="${folder}:$PATH"; export PATH` }, async (host) => {
      const lease = await host.acquire();
      for (const env of [{}, { ONE: '1' }]) {
        const args = ['-c', `tr '\\0' ' ' < /proc/$PPID/cmdline; cat`];
        const stdin = Readable.from([Buffer.from('and its input')]);
        const { stdout } = await host.execute(lease, { command: '/bin/sh', args, env, stdin });
        expect(stdout.toString()).toBe('sh -c eval "$(printf %b "$LEASEHOLD")" leasehold-execute and its input');
      }
      await host.driver.release(lease);
    });
    await rm(folder, { recursive: true });
  },
);

test('no value of a command’s environment is in a command line on the host', async () => {
  const folder = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-lines-`));
  const seen = join(folder, 'seen');
  // What is started for a command writes its own line down.
  for (const name of ['env', 'setsid', 'sh']) {
    const [{ stdout: real }, file] = [await run('which', [name]), join(folder, name)];
    await writeFile(file, `#!/bin/sh\nprintf '%s\\n' "$0 $*" >> ${seen}\nexec ${real.trim()} "$@"\n`, { mode: 0o755 });
  }
  await on({ starts: `PATH="${folder}:$PATH"; export PATH` }, async (host) => {
    const lease = await host.acquire();
    const secrets = {
      TOKEN: 'secret-token',
      _KEY: `secret 'key'\nof two lines`,
      BASH_TOKEN_OF_MINE: 'x'.repeat(5_000),
    };
    const printed = ['-c', 'printf "%s," "$TOKEN" "$_KEY" "$BASH_TOKEN_OF_MINE" "$PATH"'];
    const { stdout } = await host.execute(lease, {
      command: '/bin/sh',
      args: printed,
      env: { ...secrets, PATH: '/nowhere' },
    });
    expect(stdout.toString()).toBe([...Object.values(secrets), '/nowhere', ''].join(','));
    const lines = await readFile(seen, 'utf8');
    expect(lines).toContain('/env -i');
    expect(lines).toContain('PATH=/nowhere');
    for (const secret of ['secret', 'x'.repeat(100)]) expect(lines).not.toContain(secret);
    await host.driver.release(lease);
  });
  await rm(folder, { recursive: true });
});
