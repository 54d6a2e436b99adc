import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** For startSshd: what makes its commands find the machine in a poor state. */
export interface PoorMachine {
  /** Lines of sshd_config. */
  readonly config: readonly string[];
  /** For `remoteWorkspacePath`. */
  readonly workspace: string;
  remove(): Promise<void>;
}

const MOUNTS = {
  /** A disk of one page, which the first file fills. */
  full_disk: 'mount -t tmpfs -o size=4k none "$W" && head -c 4096 /dev/zero > "$W/filled"',
  read_only: 'mount -t tmpfs -o ro none "$W"',
};

/**
 * Every command gets a view of its own in which the workspace is on such a disk: an ordinary user may do that too, root is
 * stopped by it as well, and no mount is left when the command has ended.
 */
export async function workspaceOn(disk: keyof typeof MOUNTS): Promise<PoorMachine> {
  const { folder, workspace, remove } = await places();
  const enter = join(folder, 'enter');
  const script = `#!/bin/sh\nW='${workspace}'; ${MOUNTS[disk]} || exit 99\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n`;
  await writeFile(enter, script, { mode: 0o755 });
  return { config: [`ForceCommand unshare --user --map-root-user --mount ${enter}`], workspace, remove };
}

/** Every command has all that is in /usr/bin and /bin but these. */
export async function withoutTools(...tools: readonly string[]): Promise<PoorMachine> {
  const { folder, workspace, remove } = await places();
  const bin = join(folder, 'bin');
  await mkdir(bin);
  for (const source of ['/bin', '/usr/bin']) {
    for (const name of await readdir(source)) {
      if (!tools.includes(name)) await symlink(join(source, name), join(bin, name)).catch(() => undefined);
    }
  }
  // Of several SetEnv sshd takes the first: it says what that of startSshd would.
  return { config: [`SetEnv PATH=${bin} SHLVL=1`], workspace, remove };
}

async function places(): Promise<{ folder: string; workspace: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-poor-`));
  await chmod(folder, 0o755);
  const workspace = join(folder, 'workspace');
  await mkdir(workspace);
  return { folder, workspace, remove: () => rm(folder, { recursive: true, force: true }) };
}
