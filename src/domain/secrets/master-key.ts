import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  randomBytes,
  type KeyObject,
} from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
/** 96 bits, as GCM wants them; random, which is safe for far more values under one key than there will ever be. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A value as it is stored. */
export interface SealedValue {
  readonly keyId: string;
  readonly nonce: Buffer;
  /** With the authentication tag at its end. */
  readonly ciphertext: Buffer;
}

/** The one row that a sealed value is for: put in another, it does not open. */
export interface Place {
  readonly companyId: string;
  readonly secretId: string;
  readonly version: number;
}

/** 32 bytes in base64, as settings and the key file have them. */
export const KEY_PATTERN = /^[A-Za-z0-9+/]{43}=$/;

export function randomKey(): string {
  return randomBytes(32).toString('base64');
}

/** A key that seals values (AES-256-GCM). Showing it shows nothing: the bytes are in a KeyObject. */
export class MasterKey {
  /** Names the key beside what it has sealed; it tells nothing about the key. */
  readonly id: string;
  readonly #key: KeyObject;

  /** @param base64 as `KEY_PATTERN` */
  constructor(base64: string) {
    const bytes = Buffer.from(base64, 'base64');
    this.id = createHmac('sha256', bytes).update('leasehold master key').digest('hex').slice(0, 16);
    this.#key = createSecretKey(bytes);
  }

  seal(value: Buffer, place: Place): SealedValue {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce).setAAD(associatedData(place));
    return {
      keyId: this.id,
      nonce,
      ciphertext: Buffer.concat([cipher.update(value), cipher.final(), cipher.getAuthTag()]),
    };
  }

  /** @throws Error when it was sealed by another key or for another place, or has been changed. */
  open({ nonce, ciphertext }: SealedValue, place: Place): Buffer {
    const decipher = createDecipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(associatedData(place)).setAuthTag(ciphertext.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(ciphertext.subarray(0, -TAG_BYTES)), decipher.final()]);
  }
}

function associatedData({ companyId, secretId, version }: Place): Buffer {
  return Buffer.from(`${companyId}|${secretId}|${version}`);
}
