import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import ssh2 from 'ssh2';
import { readablePrivateKey } from '../../../src/drivers/ssh/private-key.js';
import { SshConnection } from '../../../src/drivers/ssh/ssh-connection.js';
import { ANY_ADDRESS } from '../../support/any-address.js';
import { startSshd, type TestSshd } from '../../support/sshd.js';

const KEYS: Record<string, KeyObject> = {
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ECDSA: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  Ed25519: generateKeyPairSync('ed25519').privateKey,
};
const pkcs8 = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const encrypted = { cipher: 'aes-256-cbc', passphrase: 'word' } as const;

let sshd: TestSshd;

beforeAll(async () => {
  const authorizedKeys = Object.values(KEYS).map((key) => {
    const parsed = ssh2.utils.parseKey(readablePrivateKey(pkcs8(key)));
    if (parsed instanceof Error) throw parsed;
    // What is shown to the host is the public key of the key that was given.
    if (key.asymmetricKeyType !== 'ed25519') expect(parsed.getPublicPEM().trim()).toBe(publicPem(key).trim());
    return `${parsed.type} ${parsed.getPublicSSH().toString('base64')}`;
  });
  sshd = await startSshd({ authorizedKeys });
});
afterAll(() => sshd?.stop());

function publicPem(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
}

async function letIn(privateKey: string, at: TestSshd = sshd): Promise<string> {
  const { host, port, username, knownHosts } = at;
  const endpoint = { host, port, username, knownHosts, privateKey, strictHostKeyChecking: true };
  try {
    (await SshConnection.open(endpoint, 20_000, ANY_ADDRESS)).destroy();
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

  test('that is encrypted, in whatever form, is refused by that name', async () => {
    const legacy = KEYS['RSA']!.export({ type: 'pkcs1', format: 'pem', ...encrypted }).toString();
    const modern = KEYS['RSA']!.export({ type: 'pkcs8', format: 'pem', ...encrypted }).toString();
    const openSsh = ssh2.utils.generateKeyPairSync('ed25519', {
      passphrase: 'word',
      cipher: 'aes256-cbc',
      rounds: 16,
    }).private;
    for (const key of [legacy, modern, openSsh]) expect(await letIn(key)).toMatch(/^The private key is encrypted/);
  });

  test('that is none is refused without anything of it', async () => {
    const broken = pkcs8(KEYS['RSA']!).replace(/\n.{20}/, '\nAAAA');
    const other = generateKeyPairSync('x25519').privateKey;
    for (const key of [broken, pkcs8(other)]) expect(await letIn(key)).toBe('The private key cannot be read.');
    expect(await letIn('k'.repeat(16_385))).toMatch(/^The private key has more than 16384 characters/);
  });
});

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
