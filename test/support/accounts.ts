import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** For startSshd: an account that is not as most are. */
export interface Account {
  /** Lines of sshd_config. */
  readonly config: readonly string[];
  remove(): Promise<void>;
}

export interface AccountOptions {
  /** The login shell, with its first arguments; what it is to run comes behind `-c`. */
  readonly shell?: string;
  /** What the start files do before: lines of sh. */
  readonly starts?: string;
  /** All tools that it has: BusyBox's alone, or Debian's with bsdtar as `tar`. */
  readonly tools?: 'busybox' | 'bsdtar';
  /** One of these tools that takes no options. */
  readonly unable?: string;
}

/** sshd runs this in place of the account's own shell, so that nothing of the machine has to be changed for it. */
export async function account({ shell = 'sh', starts = '', tools, unable }: AccountOptions): Promise<Account> {
  const folder = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-account-`));
  const enter = join(folder, 'enter');
  const bin = join(folder, 'bin');
  if (tools === 'busybox') await busybox(bin);
  if (tools === 'bsdtar') await bsdtar(bin);
  if (unable !== undefined) {
    await rm(join(bin, unable));
    await writeFile(join(bin, unable), '#!/bin/sh\n[ $# -eq 0 ]\n', { mode: 0o755 });
  }
  const path = tools ? `PATH='${bin}'; export PATH\n` : '';
  const script = `#!/bin/sh\n${starts}\n${path}exec ${shell} -c "$SSH_ORIGINAL_COMMAND"\n`;
  await writeFile(enter, script, { mode: 0o755 });
  return { config: [`ForceCommand ${enter}`], remove: () => rm(folder, { recursive: true, force: true }) };
}

async function busybox(bin: string): Promise<void> {
  await mkdir(bin);
  const { stdout } = await run('busybox', ['--list']);
  const applets = stdout.split('\n').filter((name) => name !== '' && !name.startsWith('['));
  for (const name of [...applets, '[']) await symlink('/bin/busybox', join(bin, name));
}

async function bsdtar(bin: string): Promise<void> {
  await mkdir(bin);
  for (const source of ['/bin', '/usr/bin']) {
    for (const name of await readdir(source)) {
      const target = name === 'tar' ? '/usr/bin/bsdtar' : join(source, name);
      await symlink(target, join(bin, name)).catch(() => undefined);
    }
  }
}
