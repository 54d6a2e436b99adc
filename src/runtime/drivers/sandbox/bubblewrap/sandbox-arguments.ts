import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { DriverError } from '../../../../domain/driver-contract/driver-error.js';
import type { BubblewrapConfig } from './bubblewrap-config.js';

/** Where a sandbox's own folders are inside it. */
export const WORKSPACE = '/workspace';
export const HOME = '/home/sandbox';

/** What a command gets besides what the call names. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME,
  LANG: 'C.UTF-8',
};

const MIB = 1024 ** 2;
const SHARED_MEMORY_BYTES = 64 * MIB;

/** Of the machine's /etc only what programs cannot do without: how they are found and linked, and whom they trust. */
const SYSTEM_FILES = ['alternatives', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'localtime', 'ssl/certs', 'pki/tls'];
const TRUST_AND_NAMES = ['ca-certificates', 'pki/ca-trust', 'nsswitch.conf', 'services', 'protocols'];
const SYSTEM_FOLDERS = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
const NETWORK_FILES = ['resolv.conf', 'hosts'];

/** Namespaces of its own for all there is one for, and no way back up: nothing inside can make more of them. */
export function namespaceArguments(network: boolean, hidden: readonly string[]): string[] {
  return [
    ...['--unshare-user', '--unshare-ipc', '--unshare-pid', '--unshare-uts', '--unshare-cgroup-try'],
    ...(network ? [] : ['--unshare-net']),
    ...['--disable-userns', '--uid', '1000', '--gid', '1000'],
    ...['--die-with-parent', '--new-session', '--clearenv'],
    ...['--ro-bind', '/usr', '/usr', ...systemFolders()],
    ...hidden.flatMap(cover),
    ...['--proc', '/proc', '--dev', '/dev'],
  ];
}

/**
 * The folders of the service's that can be seen in a sandbox, as `/usr` can: each is covered by an empty one.
 * @param folders the data folder, the service's own programs, and those that workspaces may come from
 * @throws DriverError isolation_unavailable when one of them is all of what is shown
 */
export function foldersToHide(folders: readonly string[]): string[] {
  const shown = ['/usr', ...SYSTEM_FOLDERS, ...[...SYSTEM_FILES, ...TRUST_AND_NAMES].map((name) => `/etc/${name}`)];
  return folders.flatMap((folder) => {
    const real = realpathOf(folder);
    if (real === null) return [];
    if (shown.map(realpathOf).includes(real)) {
      const message = `Sandboxes see ${real}, which holds files of the service’s own: move those elsewhere.`;
      throw new DriverError('config', 'isolation_unavailable', message, false);
    }
    return shown.some((one) => real.startsWith(`${realpathOf(one) ?? one}/`)) ? [real] : [];
  });
}

/** Null where there is none: nothing can be seen of it. */
function realpathOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

/** Read-only: the watch does not look at what is in it. */
function cover(folder: string): string[] {
  return ['--perms', '0555', '--size', '4096', '--tmpfs', folder, '--remount-ro', folder];
}

/**
 * The arguments for bwrap that make a sandbox round a lease's folders.
 * @param files where those folders are for whoever starts bwrap
 * @param hidden see {@link foldersToHide}
 */
export function sandboxArguments(
  { network, diskMb, memoryMb }: BubblewrapConfig,
  files: string,
  hidden: readonly string[],
): string[] {
  const system = [...SYSTEM_FILES, ...TRUST_AND_NAMES, ...(network ? NETWORK_FILES : [])];
  return [
    ...namespaceArguments(network, hidden),
    ...['--size', String(SHARED_MEMORY_BYTES), '--tmpfs', '/dev/shm', '--remount-ro', '/dev'],
    ...['--size', String(Math.min(diskMb, memoryMb) * MIB), '--perms', '1777', '--tmpfs', '/tmp'],
    ...['--dir', '/run', '--dir', '/etc', '--symlink', '../tmp', '/var/tmp'],
    ...system.flatMap((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]),
    ...['passwd', 'group'].flatMap((name) => ['--ro-bind', `${files}/etc/${name}`, `/etc/${name}`]),
    ...['--bind', `${files}/workspace`, WORKSPACE, '--bind', `${files}/home`, HOME],
    ...['--remount-ro', '/', '--chdir', WORKSPACE],
    ...Object.entries(ENVIRONMENT).flatMap(([name, value]) => ['--setenv', name, value]),
  ];
}

/** The limits that each process keeps and hands to its children; one of them alone cannot lift them. */
export function limitArguments({ processes, memoryMb, diskMb }: BubblewrapConfig): string[] {
  const both = (value: number): string => `${value}:${value}`;
  return [
    `--nproc=${both(processes)}`,
    `--data=${both(memoryMb * MIB)}`,
    `--fsize=${both(diskMb * MIB)}`,
    `--memlock=${both(64 * 1024)}`,
    `--core=${both(0)}`,
    '--nofile=1024:4096',
  ];
}

/** /bin and its like, which are links into /usr on most machines. */
function systemFolders(): string[] {
  return SYSTEM_FOLDERS.flatMap((folder) => {
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (!found) return [];
    return found.isSymbolicLink() ? ['--symlink', readlinkSync(folder), folder] : ['--ro-bind', folder, folder];
  });
}
