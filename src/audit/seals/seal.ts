import { createHash, verify, type KeyObject } from 'node:crypto';

/** A signed statement about a range of the log, chained to the one before it. */
export interface Seal {
  /** From 1, without a gap. */
  readonly number: number;
  readonly fromPosition: number;
  readonly toPosition: number;
  /** Of the tree over the events of the range, hex. */
  readonly treeRoot: string;
  /** Hex; zeros for the first. */
  readonly previousSealHash: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly sealedAt: string;
  readonly keyId: string;
  /** Ed25519 over {@link signedBytes}, base64. */
  readonly signature: string;
}

/** A seal with the leaf hashes of its events, one after another. */
export interface SealWithLeaves {
  readonly seal: Seal;
  readonly leaves: Buffer;
}

/** What the first seal has in the place of the hash of one before it. */
export const NO_SEAL_HASH = '0'.repeat(64);

export function signedBytes(seal: Omit<Seal, 'signature'>): Buffer {
  const { number, fromPosition, toPosition, treeRoot, previousSealHash, sealedAt, keyId } = seal;
  const lines = [number, fromPosition, toPosition, treeRoot, previousSealHash, sealedAt, keyId];
  return Buffer.from(['leasehold seal 1', ...lines].join('\n'));
}

/** SHA-256 of what is signed and of the signature, hex. */
export function sealHash(seal: Seal): string {
  return createHash('sha256').update(signedBytes(seal)).update(`\n${seal.signature}`).digest('hex');
}

/** The keys whose seals count, by their ids. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>;

/** Null when a trusted key has signed it; else what is wrong, in a sentence. */
export function signatureProblem(seal: Seal, trusted: TrustedKeys): string | null {
  const key = trusted.get(seal.keyId);
  if (!key) return `Seal ${seal.number} names the key ${seal.keyId}, which is not trusted.`;
  if (verify(null, signedBytes(seal), key, Buffer.from(seal.signature, 'base64'))) return null;
  return `The signature of seal ${seal.number} does not match its content.`;
}

/** Reads what should be a seal. @throws TypeError */
export function parseSeal(value: unknown): Seal {
  if (typeof value !== 'object' || value === null) throw new TypeError('A seal must be an object.');
  const fields = value as Record<string, unknown>;
  const text = (name: string): string => {
    const field = fields[name];
    if (typeof field !== 'string') throw new TypeError(`A seal's ${name} must be a string.`);
    return field;
  };
  const count = (name: string): number => {
    const field = fields[name];
    if (!Number.isSafeInteger(field)) throw new TypeError(`A seal's ${name} must be a number.`);
    return field as number;
  };
  return {
    number: count('number'),
    fromPosition: count('fromPosition'),
    toPosition: count('toPosition'),
    treeRoot: text('treeRoot'),
    previousSealHash: text('previousSealHash'),
    sealedAt: text('sealedAt'),
    keyId: text('keyId'),
    signature: text('signature'),
  };
}
