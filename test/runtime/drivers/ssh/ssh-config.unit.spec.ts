import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { validateSshConfig } from '../../../../src/runtime/drivers/ssh/ssh-config.js';
import { sshUrl } from '../../../../src/runtime/drivers/ssh/ssh-url.js';

const config = { host: 'host', username: 'root', remoteWorkspacePath: '/w', privateKey: 'a key' };

describe('a host in a config', () => {
  test.each([
    ['::1', '::1'],
    ['[::1]', '::1'],
    ['[2001:db8::7]', '2001:db8::7'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    ['127.0.0.1', '127.0.0.1'],
    ['build_1.example.', 'build_1.example.'],
    ['bücher.example', 'bücher.example'],
  ])('%s is taken as %s', (given, host) => {
    expect(validateSshConfig({ ...config, host: given })).toMatchObject({ kind: 'valid', config: { host } });
  });

  test.each([
    '',
    'a b',
    'a/b',
    'u@h',
    'h:22',
    '[h]',
    '[::1',
    '[::1]:22',
    'a?b',
    'a#b',
    'a%b',
    'a\\b',
    'a\n',
    'h'.repeat(254),
  ])('%j is refused', (host) => {
    const field = { field: 'host', message: 'host must be a host name or an address' };
    expect(validateSshConfig({ ...config, host })).toEqual({ kind: 'invalid', errors: [field] });
  });
});

test.each([
  ['PKCS#8', 'pkcs8'],
  ['PEM', 'sec1'],
] as const)('an encrypted private key (%s) needs a passphrase, also that of a jump host', (_form, type) => {
  const encrypted = { format: 'pem', cipher: 'aes-256-cbc', passphrase: 'word' } as const;
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privateKey = key.export({ type, ...encrypted }).toString();
  const message = 'passphrase or passphraseSecretRef is needed: the private key is encrypted';
  expect(validateSshConfig({ ...config, privateKey })).toEqual({
    kind: 'invalid',
    errors: [{ field: 'passphrase', message }],
  });
  expect(validateSshConfig({ ...config, jumpHost: { host: 'hop', username: 'u', privateKey } })).toEqual({
    kind: 'invalid',
    errors: [{ field: 'jumpHost.passphrase', message: `jumpHost.${message}` }],
  });
  const ref = { type: 'secret_ref', secretId: '0198c2f4-0000-7000-8000-000000000000', version: 'latest' };
  for (const given of [{ passphrase: 'word' }, { passphraseSecretRef: ref }]) {
    expect(validateSshConfig({ ...config, privateKey, ...given })).toMatchObject({ kind: 'valid' });
  }
  const plain = key.export({ type, format: 'pem' }).toString();
  expect(validateSshConfig({ ...config, privateKey: plain })).toMatchObject({ kind: 'valid' });
});

test('a passphrase is a text, or a secret', () => {
  const ref = { type: 'secret_ref', secretId: '0198c2f4-0000-7000-8000-000000000000', version: 'latest' };
  for (const given of [{ passphrase: 'ü' }, { passphrase: ' ' }, { passphraseSecretRef: ref }, { passphrase: null }]) {
    expect(validateSshConfig({ ...config, ...given })).toMatchObject({ kind: 'valid', config: given });
  }
  for (const passphrase of ['', 7, 'ü'.repeat(501)]) {
    expect(validateSshConfig({ ...config, passphrase })).toMatchObject({ errors: [{ field: 'passphrase' }] });
  }
  expect(validateSshConfig({ ...config, passphraseSecretRef: 'word' })).toMatchObject({
    errors: [{ field: 'passphraseSecretRef' }],
  });
});

describe('a jump host', () => {
  const hop = { host: '[::1]', username: 'u' };
  const chain = (count: number): object => ({ ...hop, jumpHost: count > 1 ? chain(count - 1) : null });
  const errorsOf = (jumpHost: unknown): unknown => {
    const verdict = validateSshConfig({ ...config, jumpHost });
    return verdict.kind === 'invalid' ? verdict.errors : 'valid';
  };

  test('is completed as a host is, may have one of its own, and needs no key of its own', () => {
    const complete = {
      ...{ host: '::1', port: 22, username: 'u', knownHosts: null, strictHostKeyChecking: true, jumpHost: null },
      ...{ privateKey: null, privateKeySecretRef: null, passphrase: null, passphraseSecretRef: null },
    };
    expect(validateSshConfig({ ...config, jumpHost: { ...hop, jumpHost: hop } })).toMatchObject({
      config: { jumpHost: { ...complete, jumpHost: complete } },
    });
    expect(errorsOf(chain(3))).toBe('valid');
    expect(errorsOf(null)).toBe('valid');
  });

  test('is refused by the path of what is wrong', () => {
    const wrong: [unknown, string, RegExp][] = [
      ['bastion', 'jumpHost', /^jumpHost must be the settings of a host/],
      [[hop], 'jumpHost', /^jumpHost must be/],
      [chain(4), 'jumpHost.jumpHost.jumpHost.jumpHost', /at most 3/],
      [{ ...hop, host: 'a b' }, 'jumpHost.host', /^jumpHost.host must be a host name/],
      [{ ...hop, jumpHost: { ...hop, port: 0 } }, 'jumpHost.jumpHost.port', /^jumpHost.jumpHost.port must be/],
      [{ ...hop, remoteWorkspacePath: '/w' }, 'jumpHost.remoteWorkspacePath', /is not a setting of a jump host/],
      [{ ...hop, passphrase: 'word' }, 'jumpHost.passphrase', /needs a privateKey of its own/],
      [{ ...hop, knownHosts: 'x' }, 'jumpHost.knownHosts', /line 1/],
    ];
    for (const [jumpHost, field, message] of wrong) {
      expect(errorsOf(jumpHost)).toEqual([{ field, message: expect.stringMatching(message) as unknown as string }]);
    }
  });
});

describe('what a lease on a host is called', () => {
  test.each([
    ['::1', 'root', '/w', 'ssh://root@[::1]:3222/w'],
    ['[::1]', 'root', '/w', 'ssh://root@[::1]:3222/w'],
    ['127.0.0.1', 'root', '/w', 'ssh://root@127.0.0.1:3222/w'],
    ['host.example', 'a+b\\c', `/'q#?%41/ü b`, `ssh://a%2Bb%5Cc@host.example:3222/'q%23%3F%2541/%C3%BC%20b`],
    ['fe80::1%eth0', 'root', '/w', 'ssh://root@fe80%3A%3A1%25eth0:3222/w'],
    ['bücher', 'root', '/w/', 'ssh://root@b%C3%BCcher:3222/w/'],
  ])('%s, %s, %s: %s', (host, username, path, expected) => {
    const url = sshUrl({ host, port: 3222, username }, path);
    expect(url).toBe(expected);
    const read = new URL(url);
    expect(decodeURIComponent(read.username)).toBe(username);
    expect(decodeURIComponent(read.pathname)).toBe(path);
    expect(read.port).toBe('3222');
  });
});
