import { lstatSync, readlinkSync } from 'node:fs';
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
const NETWORK_FILES = ['resolv.conf', 'hosts'];

/** Namespaces of its own for all there is one for, and no way back up: nothing inside can make more of them. */
export function namespaceArguments(network: boolean): string[] {
  return [
    ...['--unshare-user', '--unshare-ipc', '--unshare-pid', '--unshare-uts', '--unshare-cgroup-try'],
    ...(network ? [] : ['--unshare-net']),
    ...['--disable-userns', '--uid', '1000', '--gid', '1000'],
    ...['--die-with-parent', '--new-session', '--clearenv'],
    ...['--ro-bind', '/usr', '/usr', ...systemFolders()],
    ...['--proc', '/proc', '--dev', '/dev'],
  ];
}

/**
 * The arguments for bwrap that make a sandbox round a lease's folders.
 * @param files where those folders are for whoever starts bwrap
 */
export function sandboxArguments({ network, diskMb, memoryMb }: BubblewrapConfig, files: string): string[] {
  const system = [...SYSTEM_FILES, ...TRUST_AND_NAMES, ...(network ? NETWORK_FILES : [])];
  return [
    ...namespaceArguments(network),
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
  ];
}

/** /bin and its like, which are links into /usr on most machines. */
function systemFolders(): string[] {
  return ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'].flatMap((folder) => {
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (!found) return [];
    return found.isSymbolicLink() ? ['--symlink', readlinkSync(folder), folder] : ['--ro-bind', folder, folder];
  });
}
