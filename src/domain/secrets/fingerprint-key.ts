import { createSecretKey, type KeyObject } from 'node:crypto';
import { ConfigError } from '../../platform/config/config.js';
import type { Queryable } from '../../event-sourcing/event-log/index.js';
import type { KeyRing } from './key-ring.js';
import { randomKey } from './master-key.js';
import { findVersion, insertVersion } from './secret-versions.js';

const NOBODY = '00000000-0000-0000-0000-000000000000';
/** Versions of secrets count from 1, so that nothing can refer to it. */
const PLACE = { companyId: NOBODY, secretId: NOBODY, version: 0 };

/**
 * The key under which fingerprints of commands are kept: random, made once for the database, sealed as a secret is. It
 * outlives master keys, so that a command can be repeated after a rotation.
 * @throws ConfigError when the database's secrets were sealed by a master key that this process has not
 */
export async function openFingerprintKey(on: Queryable, keys: KeyRing): Promise<KeyObject> {
  const stored = await findVersion(on, NOBODY, NOBODY, PLACE.version);
  if (stored === null) {
    const sealed = keys.current.seal(Buffer.from(randomKey(), 'base64'), PLACE);
    await insertVersion(on, { ...PLACE, ...sealed });
    // Of several that start at once, all take the one that was there first.
    return openFingerprintKey(on, keys);
  }
  const master = await keys.named(stored.keyId);
  if (master) return createSecretKey(master.open(stored, PLACE));
  throw new ConfigError(
    'The secrets of this database are sealed with another master key. Set LEASEHOLD_SECRETS_KEY to that key, or, to replace it, ' +
      'LEASEHOLD_SECRETS_KEY_PREVIOUS. Or restore secrets.key in the data folder.',
  );
}
