import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import ssh2 from 'ssh2';
import { decryptedKey } from '../../../../src/runtime/drivers/ssh/decrypted-key.js';
import { readablePrivateKey } from '../../../../src/runtime/drivers/ssh/private-key.js';
import { SshConnection } from '../../../../src/runtime/drivers/ssh/ssh-connection.js';
import { ANY_ADDRESS } from '../../../support/any-address.js';
import { startSshd, type TestSshd } from '../../../support/sshd.js';

const KEYS: Record<string, KeyObject> = {
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ECDSA: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  Ed25519: generateKeyPairSync('ed25519').privateKey,
};
const pkcs8 = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const BUDGET_MS = 20_000;
const PASSPHRASE = 'a "word" ü';
const encrypted = { cipher: 'aes-256-cbc', passphrase: PASSPHRASE } as const;
const pbkdf2 = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem', ...encrypted }).toString();

let sshd: TestSshd;

beforeAll(async () => {
  const authorizedKeys: string[] = [];
  for (const key of Object.values(KEYS)) {
    const parsed = ssh2.utils.parseKey(await readablePrivateKey(pkcs8(key), null, BUDGET_MS));
    if (parsed instanceof Error) throw parsed;
    // What is shown to the host is the public key of the key that was given.
    if (key.asymmetricKeyType !== 'ed25519') expect(parsed.getPublicPEM().trim()).toBe(publicPem(key).trim());
    authorizedKeys.push(`${parsed.type} ${parsed.getPublicSSH().toString('base64')}`);
  }
  sshd = await startSshd({ authorizedKeys });
});
afterAll(() => sshd?.stop());

function publicPem(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
}

async function letIn(privateKey: string, at: TestSshd = sshd, passphrase: string | null = null): Promise<string> {
  const { host, port, username, knownHosts } = at;
  const endpoint = { host, port, username, knownHosts, privateKey, passphrase, strictHostKeyChecking: true };
  try {
    (await SshConnection.open(endpoint, BUDGET_MS, ANY_ADDRESS)).destroy();
    return 'let in';
  } catch (error) {
    expect(error).toMatchObject({ failureClass: 'auth', reasonCode: 'authentication_failed', inDoubt: false });
    return (error as Error).message;
  }
}

describe('a private key', () => {
  test.each(Object.keys(KEYS))('in PKCS#8 (%s) lets us in', async (name) => {
    expect(await letIn(pkcs8(KEYS[name]!))).toBe('let in');
    expect(await letIn(pkcs8(KEYS[name]!).replaceAll('\n', '\r\n'))).toBe('let in');
  });

  test('that is none is refused without anything of it', async () => {
    const broken = pkcs8(KEYS['RSA']!).replace(/\n.{20}/, '\nAAAA');
    const other = generateKeyPairSync('x25519').privateKey;
    for (const key of [broken, pkcs8(other)]) expect(await letIn(key)).toBe('The private key cannot be read.');
    expect(await letIn('k'.repeat(16_385))).toMatch(/^The private key has more than 16384 characters/);
  });
});

describe('an encrypted private key', () => {
  const scrypt = (key: KeyObject): string =>
    execFileSync('openssl', ['pkcs8', '-topk8', '-scrypt', '-passout', `pass:${PASSPHRASE}`], {
      input: pkcs8(key),
    }).toString();
  const FORMS: [string, () => string][] = [
    ['PKCS#8 (RSA, PBKDF2)', () => pbkdf2(KEYS['RSA']!)],
    ['PKCS#8 (ECDSA, PBKDF2)', () => pbkdf2(KEYS['ECDSA']!)],
    ['PKCS#8 (Ed25519, scrypt)', () => scrypt(KEYS['Ed25519']!)],
    ['PEM (RSA)', () => KEYS['RSA']!.export({ type: 'pkcs1', format: 'pem', ...encrypted }).toString()],
    ['PEM (ECDSA)', () => KEYS['ECDSA']!.export({ type: 'sec1', format: 'pem', ...encrypted }).toString()],
  ];

  test.each(FORMS)('in %s lets us in with its passphrase alone', async (_form, make) => {
    const key = make();
    expect(await letIn(key, sshd, PASSPHRASE)).toBe('let in');
    expect(await letIn(key.replaceAll('\n', '\r\n'), sshd, PASSPHRASE)).toBe('let in');
    expect(await letIn(key, sshd, 'another')).toBe('The private key cannot be decrypted with its passphrase.');
    expect(await letIn(key)).toBe('The private key is encrypted, and the config has no passphrase for it.');
  });

  test.each([
    ['ed25519', 'aes256-ctr'],
    ['rsa', 'aes128-cbc'],
    ['ecdsa', 'aes256-gcm@openssh.com'],
  ])('in OpenSSH’s form (%s, %s) lets us in with its passphrase alone', async (type, cipher) => {
    const key = await openSshKey('-t', type, '-Z', cipher, '-a', '2');
    const host = await startSshd({ authorizedKeys: [key.publicLine] });
    try {
      expect(await letIn(key.pem, host, PASSPHRASE)).toBe('let in');
      expect(await letIn(key.pem, host, 'another')).toBe('The private key cannot be decrypted with its passphrase.');
      expect(await letIn(key.pem, host)).toBe('The private key is encrypted, and the config has no passphrase for it.');
    } finally {
      await host.stop();
    }
  });

  test('that takes too long to decrypt is refused by that, and the work is not done in this process', async () => {
    const before = process.cpuUsage();
    const keys = [
      withManyRounds((await openSshKey('-t', 'ed25519', '-a', '2')).pem),
      withManyIterations(pbkdf2(KEYS['RSA']!)),
    ];
    for (const key of keys) {
      await expect(decryptedKey(key, PASSPHRASE, BUDGET_MS, 1)).rejects.toMatchObject({
        failureClass: 'auth',
        message: expect.stringMatching(
          /^The private key takes more than 1 s to decrypt: .* too many rounds/,
        ) as unknown as string,
      });
      await expect(decryptedKey(key, PASSPHRASE, 50)).rejects.toMatchObject({
        failureClass: 'transient',
        reasonCode: 'budget_exceeded',
        inDoubt: false,
      });
    }
    const { user, system } = process.cpuUsage(before);
    // The two processes had a second each.
    expect((user + system) / 1_000).toBeLessThan(1_000);
  });
});

async function openSshKey(...options: readonly string[]): Promise<{ pem: string; publicLine: string }> {
  const folder = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-key-`));
  const file = join(folder, 'key');
  execFileSync('ssh-keygen', ['-q', '-N', PASSPHRASE, '-f', file, ...options]);
  const pem = await readFile(file, 'utf8');
  const publicLine = await readFile(`${file}.pub`, 'utf8');
  await rm(folder, { recursive: true });
  return { pem, publicLine };
}

/** To make one with as many would take as long as to decrypt it. */
function withManyRounds(pem: string): string {
  return changed(pem, (bytes) => {
    const rounds = bytes.indexOf(Buffer.from([0, 0, 0, 2]), bytes.indexOf('bcrypt'));
    return bytes.fill(0xff, rounds, rounds + 4);
  });
}

/** The number is two bytes longer, and the salt before it two bytes shorter. */
function withManyIterations(pem: string): string {
  return changed(pem, (bytes) => {
    const iterations = bytes.indexOf(Buffer.from([0x02, 0x02, 0x08, 0x00]));
    const length = bytes.lastIndexOf(0x04, iterations - 8) + 1;
    bytes.writeUInt8(bytes.readUInt8(length) - 2, length);
    bytes.set([0x02, 0x04, 0x7f, 0xff, 0xff, 0xff], iterations - 2);
    return bytes;
  });
}

function changed(pem: string, change: (bytes: Buffer) => Buffer): string {
  const [first = '', ...lines] = pem.trim().split('\n');
  const last = lines.pop() ?? '';
  return [first, change(Buffer.from(lines.join(''), 'base64')).toString('base64'), last, ''].join('\n');
}

test('a host that wants a second factor, or no key at all, is refused by what it wants', async () => {
  const kinds: [string[], RegExp][] = [
    [
      ['AuthenticationMethods publickey,password', 'PasswordAuthentication yes'],
      /takes the key .* second factor \(password\)/,
    ],
    [['PubkeyAuthentication no', 'PasswordAuthentication yes'], /not let .* in with a key, only by password/],
  ];
  for (const [config, why] of kinds) {
    const host = await startSshd({ first: config });
    try {
      expect(await letIn(host.privateKey, host)).toMatch(why);
    } finally {
      await host.stop();
    }
  }
});

/** ASN.1's DER. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  return Buffer.concat([Buffer.from([tag, 0x83, length >> 16, (length >> 8) & 255, length & 255]), content]);
}

test.each([
  ['a modulus of 16,384 bits', 2_048, 3, 1_024],
  ['an exponent as long as the modulus', 512, 512, 256],
])('an RSA key with %s, which would hold the event loop at each signature, is refused', async (_what, n, e, p) => {
  const number = (bytes: number): Buffer =>
    der(2, Buffer.concat([Buffer.from([0x7f]), Buffer.alloc(bytes - 1, 0xa5 ^ (bytes & 255)), Buffer.from([0x01])]));
  const numbers = [n, e, n, p, p, p, p, p].map(number);
  const key = der(0x30, Buffer.concat([Buffer.from([2, 1, 0]), ...numbers])).toString('base64');
  const pem = `-----BEGIN RSA PRIVATE KEY-----\n${key.replaceAll(/.{64}/g, '$&\n')}\n-----END RSA PRIVATE KEY-----\n`;
  await expect(readablePrivateKey(pem, null, BUDGET_MS)).rejects.toThrow(/RSA key of more than 8192 bits/);
});

test('a host that lets only itself choose the prime of the key exchange is not connected to', async () => {
  const host = await startSshd({ config: ['KexAlgorithms diffie-hellman-group-exchange-sha256'] });
  try {
    const { host: name, port, username, knownHosts, privateKey } = host;
    const endpoint = { host: name, port, username, knownHosts, privateKey, strictHostKeyChecking: true };
    await expect(SshConnection.open(endpoint, BUDGET_MS, ANY_ADDRESS)).rejects.toThrow(/key exchange|algorithm/i);
  } finally {
    await host.stop();
  }
});
