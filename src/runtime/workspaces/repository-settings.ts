import { gitOrNull } from './git.js';
import { publicUrl } from './public-url.js';

/** Settings of a repository, each key as often as it has values. */
export type RepositorySettings = readonly (readonly [key: string, value: string])[];

/** They decide what git takes for a change, and none of them names a program or a file. */
const PLAIN: ReadonlySet<string> = new Set([
  'core.autocrlf',
  'core.eol',
  'core.safecrlf',
  'core.checkroundtripencoding',
  'core.sparsecheckout',
  'core.sparsecheckoutcone',
]);

/** Who has made a commit. */
const IDENTITY = /^(?:user|author|committer)\.(?:name|email)$/;
const REMOTE = /^remote\.[\w][\w./-]*\.(url|pushurl|fetch)$/;
const UPSTREAM = /^branch\.[^\n]+\.(remote|merge)$/;

/** What the file system there cannot do is found out there; only what was switched off or on here for another reason is told. */
const SWITCHES: ReadonlyMap<string, boolean> = new Map([
  ['core.filemode', false],
  ['core.symlinks', false],
  ['core.ignorecase', true],
]);

/**
 * What counts for git in a lease as it does here.
 * @param worktree a file that counts only where the first says so
 */
export async function readSettings(file: string, worktree: string): Promise<RepositorySettings> {
  const shared = await listed(file);
  const own = shared.some(([key, value]) => key === 'extensions.worktreeconfig' && isYes(value));
  const all = [...shared, ...(own ? await listed(worktree) : [])];
  return all.flatMap(([key, value]) => {
    const told = toldOf(key, value);
    return told === null ? [] : [[key, told]];
  });
}

/** What git needs to see the same files: none of it makes git reach out. */
export function onlyOfFiles(settings: RepositorySettings): RepositorySettings {
  return settings.filter(([key]) => key.startsWith('core.'));
}

/** What a lease is told of a setting; null where that is nothing. Passwords and the like are in none of them. */
function toldOf(key: string, value: string): string | null {
  if (PLAIN.has(key) || SWITCHES.get(key) === isYes(value) || IDENTITY.test(key)) return value;
  const [, what] = REMOTE.exec(key) ?? UPSTREAM.exec(key) ?? [];
  if (what === 'fetch' || what === 'merge') return value;
  // A branch names a remote, or says where it is itself.
  if (what === 'remote' && /^[\w.-]+$/.test(value)) return value;
  return what === undefined ? null : publicUrl(value);
}

/** As lines of a file of configuration. */
export function settingsText(settings: RepositorySettings): string {
  return settings
    .map(([key, value]) => `${section(key)}\n\t${key.slice(key.lastIndexOf('.') + 1)} = ${quoted(value)}\n`)
    .join('');
}

async function listed(file: string): Promise<[string, string][]> {
  const text = await gitOrNull(['config', '--file', file, '--no-includes', '-z', '--list']);
  return (text ?? '')
    .split('\0')
    .filter((entry) => entry !== '')
    .map((entry) => {
      const end = entry.indexOf('\n');
      // A key alone is a switch that is on.
      return end < 0 ? [entry, 'true'] : [entry.slice(0, end), entry.slice(end + 1)];
    });
}

function isYes(value: string): boolean {
  return ['true', 'yes', 'on', '1'].includes(value.toLowerCase());
}

function section(key: string): string {
  const [first, last] = [key.indexOf('.'), key.lastIndexOf('.')];
  return first === last ? `[${key.slice(0, first)}]` : `[${key.slice(0, first)} ${quoted(key.slice(first + 1, last))}]`;
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}
