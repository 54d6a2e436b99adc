import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const SECRET_BYTES = 32;
const VALUE = /^lh_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

/** What a bearer sends, taken apart. */
export interface TokenParts {
  readonly id: string;
  readonly secret: string;
}

/** A new secret of 256 random bits: with that many, one round of SHA-256 is as good as a slow hash. */
export function newTokenSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

export function tokenValue({ id, secret }: TokenParts): string {
  return `lh_${id}_${secret}`;
}

/** Null: it is no token of this service. */
export function parseTokenValue(value: string): TokenParts | null {
  const [, id, secret] = VALUE.exec(value) ?? [];
  return id === undefined || secret === undefined ? null : { id, secret };
}

export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** In the same time wherever they differ. */
export function matches(secret: string, hash: Buffer): boolean {
  const own = hashOf(secret);
  return own.length === hash.length && timingSafeEqual(own, hash);
}
