import type { Pool } from 'pg';
import { ConfigError, type Config } from '../../platform/config/config.js';
import { readKeyFile, rotateKeyFile } from './key-file.js';
import { KeyRing } from './key-ring.js';
import { rotateMasterKey } from './rotate-master-key.js';
import { countByKey } from './secret-versions.js';

export interface Replacement {
  /** Of the key that seals every value now. */
  readonly keyId: string;
  /** Values that it has sealed in the place of older keys just now. */
  readonly sealed: number;
  /** Ids of the keys that seal nothing any more. */
  readonly olderKeyIds: readonly string[];
}

type KeySettings = Pick<Config, 'secretsKey' | 'secretsKeyPrevious' | 'dataDir'>;

/**
 * Has every value sealed by a new master key: one that is made and added to the key file, or, where the settings have the
 * key, that of the settings. Ended half-way, it loses nothing and can be called again.
 * @param resume goes on with what was ended half-way: no other key is made
 * @throws ConfigError when a key is missing, or another process has sealed values by an older key meanwhile
 */
export async function replaceMasterKey(pool: Pool, settings: KeySettings, resume: boolean): Promise<Replacement> {
  const inFile = settings.secretsKey === null;
  if (inFile && (await readKeyFile(settings.dataDir)) === null) {
    throw new ConfigError(
      `There is no secrets.key in ${settings.dataDir}, so there is no key to replace: set LEASEHOLD_DATA_DIR or ` +
        'LEASEHOLD_SECRETS_KEY as the service has it.',
    );
  }
  const before = await KeyRing.open(settings);
  await refuseUnknownKeys(pool, before);
  if (!inFile && before.olderIds.length === 0) {
    throw new ConfigError(
      'LEASEHOLD_SECRETS_KEY is the only known key. To replace it, set LEASEHOLD_SECRETS_KEY to the new key ' +
        '(from `openssl rand -base64 32`) and LEASEHOLD_SECRETS_KEY_PREVIOUS to the old one.',
    );
  }
  if (inFile && !resume) await rotateKeyFile(settings.dataDir);
  const keys = await KeyRing.open(settings);
  const sealed = await rotateMasterKey(pool, keys);
  const left = (await countByKey(pool)).filter(({ keyId }) => keyId !== keys.current.id);
  if (left.length === 0) return { keyId: keys.current.id, sealed, olderKeyIds: keys.olderIds };
  throw new ConfigError(
    `${sealed} values were sealed with the new key ${keys.current.id}, but other processes still sealed ${sum(left)} with older ` +
      'ones. Nothing is lost. Restart the services, then run this again with --resume.',
  );
}

async function refuseUnknownKeys(pool: Pool, keys: KeyRing): Promise<void> {
  const known = [keys.current.id, ...keys.olderIds];
  const unknown = (await countByKey(pool)).filter(({ keyId }) => !known.includes(keyId));
  if (unknown.length === 0) return;
  const ids = unknown.map(({ keyId }) => keyId).join(', ');
  throw new ConfigError(
    `${sum(unknown)} values are sealed with an unknown master key (${ids}). Restore secrets.key, or set ` +
      'LEASEHOLD_SECRETS_KEY or LEASEHOLD_SECRETS_KEY_PREVIOUS to it. Nothing was changed.',
  );
}

function sum(counts: readonly { readonly rows: number }[]): number {
  return counts.reduce((total, { rows }) => total + rows, 0);
}
