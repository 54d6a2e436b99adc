import { randomUUID } from 'node:crypto';
import { link, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../../platform/config/config.js';
import { KEY_PATTERN, randomKey } from './master-key.js';

/**
 * A file of keys in the data folder: a key a line, base64, the newest last. It is only ever appended to, so that two who
 * rotate at once lose no key, and what a crash leaves of a line is no key.
 */
export interface KeyFile {
  readonly name: string;
  /** The environment variable that is used instead. */
  readonly setting: string;
  /** How its keys are replaced. */
  readonly replacing: string;
}

const SECRETS: KeyFile = {
  name: 'secrets.key',
  setting: 'LEASEHOLD_SECRETS_KEY',
  replacing: 'replace the key once the service runs: npm run leasehold -- secrets rotate-master-key',
};

/**
 * The keys of the file, newest first; null where there is no file.
 * @throws ConfigError when the file has none, or others than its owner may read or change it
 */
export async function readKeyFile(dataDir: string, file = SECRETS): Promise<readonly string[] | null> {
  const path = join(dataDir, file.name);
  const text = await readPrivate(path, file);
  if (text === null) return null;
  const keys = text.split('\n').filter((line) => KEY_PATTERN.test(line));
  if (keys.length > 0) return keys.reverse();
  throw new ConfigError(`${path} contains no key: restore it from a backup, or set ${file.setting}.`);
}

/** The same, making the file first where there is none. Of several processes that make it at once, all get one key. */
export async function readOrMakeKeyFile(dataDir: string, file = SECRETS): Promise<readonly string[]> {
  const known = await readKeyFile(dataDir, file);
  if (known) return known;
  await mkdir(dataDir, { recursive: true });
  const path = join(dataDir, file.name);
  const draft = `${path}.${randomUUID()}`;
  await writeSynced(draft, 'wx', `${randomKey()}\n`);
  try {
    // A link appears whole or not at all, and never takes the place of one that is there.
    await link(draft, path);
    await syncFolder(dataDir);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    await unlink(draft);
  }
  const made = await readKeyFile(dataDir, file);
  if (made) return made;
  throw new ConfigError(`${path} was removed while the service started.`);
}

/**
 * Gives the file a new key, which seals from now on. The older ones stay, for what they have sealed; a service that
 * starts seals that again (see `rotateMasterKey`), and one that runs reads the file again when it meets the new key.
 */
export async function rotateKeyFile(dataDir: string): Promise<void> {
  await readOrMakeKeyFile(dataDir);
  // The line break before it ends a line that a crash cut off.
  await writeSynced(join(dataDir, SECRETS.name), 'a', `\n${randomKey()}\n`);
}

/** What the file holds; null where there is none. It is refused rather than put right: who has read it has the keys. */
async function readPrivate(path: string, { replacing }: KeyFile): Promise<string | null> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  });
  if (file === null) return null;
  try {
    const mode = (await file.stat()).mode & 0o777;
    if ((mode & 0o077) === 0) return await file.readFile('utf8');
    throw new ConfigError(
      `${path} has mode ${mode.toString(8).padStart(4, '0')}: users other than its owner may read its keys. ` +
        `Run \`chmod 600 ${path}\`. If someone may have read it, also ${replacing}`,
    );
  } finally {
    await file.close();
  }
}

/** Without it a power cut may take the name of a file whose key has sealed something already. */
async function syncFolder(dataDir: string): Promise<void> {
  const folder = await open(dataDir, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function writeSynced(path: string, flags: 'wx' | 'a', text: string): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
