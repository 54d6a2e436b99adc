import { createPrivateKey, type KeyObject } from 'node:crypto';
import ssh2 from 'ssh2';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import { decryptedKey, unusableKey } from './decrypted-key.js';

/** More than any key that `ssh-keygen` makes. */
const MAX_LENGTH = 16 * 1024;
/** Signing is done in the event loop, and takes longer with each bit: 8,192 take up to half a second, 16,384 up to five. */
const MAX_RSA_BITS = 8_192;
const MAX_EXPONENT_BITS = 40;

/**
 * A private key in a form that ssh2 reads, and decrypted: PKCS#8, which ssh2 does not read, becomes the key's older form.
 * @throws DriverError authentication_failed, without anything of the key; budget_exceeded
 */
export async function readablePrivateKey(pem: string, passphrase: string | null, budgetMs: number): Promise<string> {
  if (pem.length > MAX_LENGTH) throw unusableKey(`has more than ${MAX_LENGTH} characters`);
  if (!isEncrypted(pem)) return readable(pem);
  if (passphrase === null) throw unusableKey('is encrypted, and the config has no passphrase for it');
  return readable(await decryptedKey(pem, passphrase, budgetMs));
}

/** @throws DriverError where signing with it would hold the event loop */
function requireQuick(key: ssh2.ParsedKey): void {
  if (key.type !== 'ssh-rsa') return;
  const { n, e, d, p, q, dp, dq, qi } = createPrivateKey(key.getPrivatePEM()).export({ format: 'jwk' });
  const bits = (number = ''): number => Buffer.from(number, 'base64url').length * 8;
  if (bits(e) > MAX_EXPONENT_BITS || [n, d, p, q, dp, dq, qi].some((number) => bits(number) > MAX_RSA_BITS)) {
    throw unusableKey(`is an RSA key of more than ${MAX_RSA_BITS} bits, or with an unusual exponent`);
  }
}

/** Whether it needs a passphrase. */
export function isEncrypted(pem: string): boolean {
  if (pem.length > MAX_LENGTH) return false;
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem)) return true;
  const parsed = ssh2.utils.parseKey(pem);
  return parsed instanceof Error && parsed.message.includes('no passphrase given');
}

function readable(pem: string): string {
  try {
    const key = pem.includes('-----BEGIN PRIVATE KEY-----') ? olderForm(createPrivateKey(pem.trim())) : pem;
    const parsed = ssh2.utils.parseKey(key);
    if (!(parsed instanceof Error) && parsed.isPrivateKey()) {
      requireQuick(parsed);
      return key;
    }
  } catch (error) {
    if (error instanceof DriverError) throw error;
    // The same as what ssh2 cannot read.
  }
  throw unusableKey('cannot be read');
}

function olderForm(key: KeyObject): string {
  if (key.asymmetricKeyType === 'rsa') return key.export({ type: 'pkcs1', format: 'pem' }).toString();
  if (key.asymmetricKeyType === 'ec') return key.export({ type: 'sec1', format: 'pem' }).toString();
  const { crv, x = '', d = '' } = key.export({ format: 'jwk' });
  if (crv !== 'Ed25519') throw new Error(`SSH has no keys of the kind ${String(crv)}.`);
  return openSshEd25519(Buffer.from(x, 'base64url'), Buffer.from(d, 'base64url'));
}

/** OpenSSH's PROTOCOL.key, not encrypted. */
function openSshEd25519(publicKey: Buffer, seed: Buffer): string {
  const type = Buffer.from('ssh-ed25519');
  // Two equal numbers, by which whoever decrypts one sees that it came out right.
  const fields = [Buffer.alloc(8), field(type), field(publicKey), field(seed, publicKey), field()];
  const open = Buffer.concat(fields);
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7].slice(0, (8 - (open.length % 8)) % 8));
  const none = field(Buffer.from('none'));
  const header = [Buffer.from('openssh-key-v1\0'), none, none, field(), Buffer.from([0, 0, 0, 1])];
  const blob = Buffer.concat([...header, field(field(type), field(publicKey)), field(open, padding)]);
  const lines = blob.toString('base64').replaceAll(/.{70}/g, '$&\n');
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function field(...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, content]);
}
