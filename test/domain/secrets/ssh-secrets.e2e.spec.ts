import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { newId } from '../../../src/event-sourcing/ids/new-id.js';
import type { SecretJson } from '../../../src/domain/secrets/secret-json.js';
import { Witness } from '../../support/fold-of-log.js';
import { authorizedLine } from '../../runtime/drivers/ssh/private-key.js';
import { serve, type Service } from '../../support/service.js';
import { startSshd, type TestSshd } from '../../support/sshd.js';

const PASSPHRASE = 'the passphrase of a key';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PLAIN = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
const ENCRYPTED = execFileSync('openssl', ['pkcs8', '-topk8', '-passout', `pass:${PASSPHRASE}`], {
  input: PLAIN,
}).toString();

let service: Service;
let witness: Witness;
let sshd: TestSshd;
let jump: TestSshd;

beforeAll(async () => {
  service = await serve();
  witness = await Witness.of(service.connection);
  sshd = await startSshd({ authorizedKeys: [authorizedLine(PLAIN)] });
  jump = await startSshd();
});
afterAll(async () => {
  await witness?.close();
  await service?.close();
  await sshd?.stop();
  await jump?.stop();
});

function config(jumpHost: object | null = null, change: object = {}): object {
  const { host, port, username, workspace: remoteWorkspacePath, knownHosts } = sshd;
  return {
    host,
    port,
    username,
    remoteWorkspacePath,
    knownHosts,
    privateKey: ENCRYPTED,
    passphrase: PASSPHRASE,
    jumpHost,
    ...change,
  };
}

function jumpHost(change: object = {}): object {
  const { host, port, username, knownHosts, privateKey: key } = jump;
  return { host, port, username, knownHosts, privateKey: key, ...change };
}

const secretsOf = (companyId: string): string => `/api/companies/${companyId}/secrets`;

test('the keys and passphrases of a host and of its jump host are kept as secrets, and used', async () => {
  const companyId = newId();
  const made = await service.api.createEnvironment(companyId, {
    name: 'Host',
    driver: 'ssh',
    config: config(jumpHost()),
  });
  const ref = { type: 'secret_ref', secretId: expect.any(String) as unknown as string, version: 'latest' };
  const secret = { privateKey: null, privateKeySecretRef: ref, passphrase: null };
  expect(made.config).toMatchObject({ ...secret, passphraseSecretRef: ref });
  expect(made.config).toHaveProperty('jumpHost', expect.objectContaining({ ...secret, passphraseSecretRef: null }));
  expect(made.config).toHaveProperty('jumpHost.jumpHost', null);
  const { items } = await service.api.expect<{ items: SecretJson[] }>(200, 'GET', secretsOf(companyId));
  expect(items.map(({ name }) => name).sort()).toEqual([
    'Host: jumpHost.privateKey',
    'Host: passphrase',
    'Host: privateKey',
  ]);

  expect(await service.api.expect(200, 'POST', `/api/environments/${made.id}/probe`, {})).toMatchObject({ ok: true });
  const { lease } = await service.api.acquire(companyId, { environmentId: made.id });
  const run = { command: 'echo', args: ['here'] };
  expect(await service.api.expect(200, 'POST', `/api/environment-leases/${lease.id}/execute`, run)).toMatchObject({
    exitCode: 0,
    stdout: 'here\n',
  });
  for (const { id } of items) await service.api.expect(409, 'DELETE', `${secretsOf(companyId)}/${id}`);
  await service.api.release(lease.id);

  // Without its jump host, the secret that was made for that is gone.
  await service.api.patchEnvironment(made.id, { config: { jumpHost: null } });
  const left = await service.api.expect<{ items: SecretJson[] }>(200, 'GET', secretsOf(companyId));
  expect(left.items).toHaveLength(2);
  const recorded = JSON.stringify(await witness.events());
  for (const value of [PASSPHRASE, 'PRIVATE KEY']) expect(recorded).not.toContain(value);
});

test('what a config refers to must be a secret of the company, for a jump host too', async () => {
  const [companyId, other] = [newId(), newId()];
  const wish = { name: 'Passphrase', value: PASSPHRASE };
  const [mine, theirs] = [
    await service.api.expect<SecretJson>(201, 'POST', secretsOf(companyId), wish),
    await service.api.expect<SecretJson>(201, 'POST', secretsOf(other), wish),
  ];
  const ref = ({ id: secretId }: SecretJson): object => ({ type: 'secret_ref', secretId, version: 'latest' });
  const wrong: [string, object][] = [
    ['passphraseSecretRef', config(null, { passphrase: null, passphraseSecretRef: ref(theirs) })],
    ['jumpHost.privateKeySecretRef', config(jumpHost({ privateKey: null, privateKeySecretRef: ref(theirs) }))],
    ['jumpHost.passphraseSecretRef', config(jumpHost({ passphraseSecretRef: ref(theirs) }))],
    [
      'jumpHost.jumpHost.privateKeySecretRef',
      config(jumpHost({ jumpHost: jumpHost({ privateKey: null, privateKeySecretRef: ref(theirs) }) })),
    ],
  ];
  for (const [field, given] of wrong) {
    const at = `/api/companies/${companyId}/environments`;
    const body = { driver: 'ssh', config: given };
    const errors = [{ field: `config.${field}` }];
    for (const [path, wish] of [
      [at, { ...body, name: 'Host' }],
      [`${at}/probe-config`, body],
    ] as const)
      expect(await service.api.expect(400, 'POST', path, wish)).toMatchObject({ errors });
  }
  const body = {
    name: 'Host',
    driver: 'ssh',
    config: config(null, { passphrase: null, passphraseSecretRef: ref(mine) }),
  };
  const probe = `/api/companies/${companyId}/environments/probe-config`;
  expect(await service.api.expect(200, 'POST', probe, { driver: 'ssh', config: body.config })).toMatchObject({
    ok: true,
  });
  await service.api.createEnvironment(companyId, body);
});
