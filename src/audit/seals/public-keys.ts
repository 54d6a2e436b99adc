import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { TrustedKeys } from './seal.js';

/** Names a key in its seals: the first 16 hex digits of the SHA-256 of its public part (SPKI, DER). */
export function keyIdOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex').slice(0, 16);
}

/** @param pems Ed25519 public keys. @throws TypeError for what is none */
export function trustedKeys(pems: readonly string[]): TrustedKeys {
  return new Map(
    pems.map((pem) => {
      const key = publicKeyOf(pem);
      return [keyIdOf(key), key];
    }),
  );
}

function publicKeyOf(pem: string): KeyObject {
  let key: KeyObject | null = null;
  try {
    key = createPublicKey(pem);
  } catch {
    // Said below.
  }
  if (key?.asymmetricKeyType !== 'ed25519') throw new TypeError('It is not an Ed25519 public key in PEM.');
  return key;
}
