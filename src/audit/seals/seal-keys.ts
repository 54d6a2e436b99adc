import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import type { Config } from '../../platform/config/config.js';
import { readKeyFile, readOrMakeKeyFile, type KeyFile } from '../../domain/secrets/key-file.js';
import { keyIdOf } from './public-keys.js';
import { signedBytes, type Seal, type TrustedKeys } from './seal.js';

const AUDIT_KEY_FILE: KeyFile = {
  name: 'audit.key',
  setting: 'LEASEHOLD_AUDIT_KEY',
  replacing: 'add a new key to it as its last line, 32 random bytes in base64, and start the services again',
};

/** What comes before the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410, 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A key that signs seals. Showing it shows nothing: the bytes are in a KeyObject. */
export class SealKey {
  readonly id: string;
  readonly publicKey: KeyObject;
  readonly #privateKey: KeyObject;

  /** @param base64 32 bytes */
  constructor(base64: string) {
    const key = Buffer.concat([PKCS8_PREFIX, Buffer.from(base64, 'base64')]);
    this.#privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    this.publicKey = createPublicKey(this.#privateKey);
    this.id = keyIdOf(this.publicKey);
  }

  sign(fields: Omit<Seal, 'signature' | 'keyId'>): Seal {
    const unsigned = { ...fields, keyId: this.id };
    return { ...unsigned, signature: sign(null, signedBytes(unsigned), this.#privateKey).toString('base64') };
  }
}

export interface PublicKeyJson {
  readonly keyId: string;
  /** PEM. */
  readonly publicKey: string;
}

/** The keys that this process has: one signs, the seals of all are trusted. */
export class SealKeys {
  readonly trusted: TrustedKeys;

  constructor(
    /** Null for who only reads and has none. */
    readonly current: SealKey | null,
    older: readonly SealKey[] = [],
  ) {
    this.trusted = new Map([...(current ? [current] : []), ...older].map(({ id, publicKey }) => [id, publicKey]));
  }

  /**
   * The key of the settings, else the newest of `audit.key` in the data folder, signs; the others of the file have signed.
   * @throws ConfigError when the file cannot be used
   */
  static async open({
    auditKey,
    dataDir,
    isReader,
  }: Pick<Config, 'auditKey' | 'dataDir' | 'isReader'>): Promise<SealKeys> {
    const ofFile =
      auditKey === null && isReader !== true
        ? await readOrMakeKeyFile(dataDir, AUDIT_KEY_FILE)
        : ((await readKeyFile(dataDir, AUDIT_KEY_FILE)) ?? []);
    const [first, ...older] = [...(auditKey === null ? [] : [auditKey]), ...ofFile].map((key) => new SealKey(key));
    return new SealKeys(first ?? null, older);
  }

  /** The one that signs first. */
  publicKeys(): PublicKeyJson[] {
    return [...this.trusted].map(([keyId, key]) => ({
      keyId,
      publicKey: key.export({ type: 'spki', format: 'pem' }) as string,
    }));
  }
}
