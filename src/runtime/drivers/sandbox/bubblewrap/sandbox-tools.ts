import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs of the machine that sandboxes are made with, by their paths. */
export interface SandboxTools {
  readonly bwrap: string;
  /** Inside, for the limits of each process. */
  readonly prlimit: string;
  /** Whether a supervisor can run inside; without one every command has a sandbox of its own. */
  readonly perl: boolean;
  /** What root makes them with, so that nothing in them is root's; null for an ordinary user. */
  readonly asRoot: { readonly unshare: string; readonly sh: string } | null;
}

/** What is missing, in a sentence that says how to get it. */
export type MissingTools = { readonly missing: string };

const PERL = '/usr/bin/perl';

/** @param path as the variable PATH */
export function findTools(path: string): SandboxTools | MissingTools {
  const folders = [...path.split(delimiter).filter((folder) => folder.startsWith('/')), '/usr/bin', '/usr/sbin'];
  const find = (name: string): string => folders.map((folder) => join(folder, name)).find(isExecutable) ?? '';
  const bwrap =
    path
      .split(delimiter)
      .map((folder) => join(folder, 'bwrap'))
      .find(isExecutable) ?? '';
  if (process.platform !== 'linux') return { missing: 'Sandboxes by bubblewrap need Linux.' };
  if (bwrap === '') {
    return {
      missing:
        'bwrap is not installed here. Debian and Ubuntu: apt-get install bubblewrap; Fedora: dnf install bubblewrap; ' +
        'Arch: pacman -S bubblewrap; then start the service again.',
    };
  }
  const root = process.geteuid?.() === 0;
  const needed = ['prlimit', ...(root ? ['unshare', 'mount', 'setpriv', 'sh', 'env'] : [])];
  const absent = needed.filter((name) => find(name) === '');
  if (absent.length > 0) return { missing: `There is no ${absent.join(', no ')} here: install util-linux.` };
  const asRoot = root ? { unshare: find('unshare'), sh: find('sh') } : null;
  return { bwrap, prlimit: find('prlimit'), perl: isExecutable(PERL), asRoot };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path.startsWith('/');
  } catch {
    return false;
  }
}
