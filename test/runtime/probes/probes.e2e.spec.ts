import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Environment } from '../../../src/domain/environments/state.js';
import type { ProbeAnswer } from '../../../src/runtime/probes/http/probes.controller.js';
import { Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';
import { startSshd, type TestSshd } from '../../support/sshd.js';

let service: Service;
let sshd: TestSshd;
let witness: Witness;
const companyId = randomUUID();

beforeAll(async () => {
  sshd = await startSshd();
  service = await serve();
  witness = await Witness.of(service.connection);
});
afterAll(async () => {
  await witness?.close();
  await service?.close();
  await sshd?.stop();
});

function config(): Record<string, unknown> {
  const { host, port, username, workspace, privateKey, knownHosts } = sshd;
  return { host, port, username, remoteWorkspacePath: workspace, privateKey, knownHosts };
}

const probeConfig = (wish: object): Promise<Record<string, unknown>> =>
  service.api.expect(200, 'POST', `/api/companies/${companyId}/environments/probe-config`, wish);

test('a config that is not stored is probed, stores nothing, and shows no key', async () => {
  const answer = await probeConfig({ driver: 'ssh', config: config() });
  expect(answer).toMatchObject({ ok: true, driver: 'ssh', details: { reasonCode: null } });
  expect(await witness.events()).toEqual([]);
  expect(JSON.stringify(answer)).not.toContain('PRIVATE KEY');
  expect(await service.api.expect(200, 'GET', `/api/companies/${companyId}/environments`)).toEqual([]);
  expect(await service.api.expect(200, 'GET', `/api/companies/${companyId}/secrets`)).toMatchObject({ items: [] });
});

test('a probe that fails is an answer with its reason', async () => {
  const wrong = { ...config(), knownHosts: null };
  expect(await probeConfig({ driver: 'ssh', config: wrong })).toMatchObject({
    ok: false,
    details: { reasonCode: 'host_key_mismatch' },
  });
});

test('a config that refers to the signing secret of a webhook is refused as one that refers to nothing', async () => {
  const wish = { url: 'https://example.com/hook' };
  const { id } = await service.api.expect<{ id: string }>(201, 'POST', `/api/companies/${companyId}/webhooks`, wish);
  const refused = async (secretId: string) => {
    const { privateKey, ...rest } = config();
    const privateKeySecretRef = { type: 'secret_ref', secretId, version: 'latest' };
    const body = { driver: 'ssh', config: { ...rest, privateKeySecretRef } };
    const path = `/api/companies/${companyId}/environments/probe-config`;
    const { code, errors } = await service.api.problem(400, 'POST', path, body);
    expect(typeof privateKey).toBe('string');
    return { code, errors };
  };
  expect(await refused(id)).toEqual(await refused(randomUUID()));
});

test('a stored environment is probed with its secret, and its lease tells how to reach it', async () => {
  const made = await service.api.createEnvironment(companyId, { name: 'Host', driver: 'ssh', config: config() });
  expect(await service.api.expect(200, 'POST', `/api/environments/${made.id}/probe`, {})).toMatchObject({ ok: true });
  const { lease } = await service.api.acquire(companyId, { environmentId: made.id });
  const path = `/api/environment-leases/${lease.id}/execution-target`;
  const { host, port, username, workspace, knownHosts } = sshd;
  const place = { remoteWorkspacePath: workspace, remoteCwd: workspace };
  expect(await service.api.expect(200, 'GET', `${path}?adapterType=claude_local`)).toStrictEqual({
    kind: 'remote',
    transport: 'ssh',
    environmentId: made.id,
    leaseId: lease.id,
    remoteCwd: workspace,
    runtimeApiUrl: null,
    spec: { host, port, username, ...place, knownHosts, strictHostKeyChecking: true },
  });
  expect(await service.api.expect(200, 'GET', `${path}?adapterType=process`)).toBeNull();
  await service.api.release(lease.id);
  expect((await service.api.send('GET', path)).status).toBe(409);
});

test('what a probe of a stored environment finds is recorded once, without a secret, and changes nothing of it', async () => {
  const wanted = { name: 'Other', driver: 'ssh', config: { ...config(), knownHosts: null } };
  const made = await service.api.createEnvironment(companyId, wanted);
  const head = await witness.head();
  const headers = { 'idempotency-key': randomUUID() };
  const probe = () => service.api.send<object>('POST', `/api/environments/${made.id}/probe`, {}, headers);
  const [first, again] = [await probe(), await probe()];
  expect(again.body).toEqual(first.body);

  const recorded = await witness.events(head);
  expect(recorded).toMatchObject([
    {
      type: 'EnvironmentProbed',
      stream: `environment-${made.id}`,
      actor: 'operator:local',
      data: { driver: 'ssh', ok: false, reasonCode: 'host_key_mismatch', durationMs: expect.any(Number) },
    },
  ]);
  expect(recorded[0]?.data).toMatchObject({ steps: (first.body as ProbeAnswer).details?.['steps'] });
  expect(JSON.stringify(recorded)).not.toContain('PRIVATE KEY');
  expect(first.headers.get('x-event-position')).toBe(String(recorded[0]?.position));

  expect(await service.api.environment(made.id)).toEqual(made);
  await witness.expectTablesToBeTheFold(await witness.events());
  await service.api.patchEnvironment(made.id, { name: 'Renamed' }, { 'if-match': `"${made.version}"` });
});

test('capabilities say what may run where', async () => {
  const path = `/api/companies/${companyId}/environments/capabilities`;
  const answer = await service.api.expect<{ adapters: { adapterType: string }[] }>(200, 'GET', path);
  expect(answer).toMatchObject({
    drivers: { local: 'supported', ssh: 'supported', sandbox: 'supported', plugin: 'unsupported' },
    sandboxProviders: {
      fake: { status: 'supported', supportsRunExecution: false, supportsReusableLeases: true, source: 'builtin' },
    },
  });
  const byType = Object.fromEntries(answer.adapters.map(({ adapterType, ...rest }) => [adapterType, rest]));
  expect(byType['process']).toMatchObject({ drivers: { local: 'supported', ssh: 'unsupported' } });
  expect(byType['claude_local']).toMatchObject({ drivers: { local: 'supported', ssh: 'supported' } });
});

test('an environment of nobody is not found', async () => {
  const answer = await service.api.send<Environment>('POST', `/api/environments/${randomUUID()}/probe`, {});
  expect(answer).toMatchObject({ status: 404, body: { code: 'environment_not_found' } });
});

test('once there is a token, SSH connects to private addresses only where the operator allows them', async () => {
  const token = { name: 'first', permissions: ['admin'], companies: null };
  const { value } = await service.api.expect<{ value: string }>(201, 'POST', '/api/tokens', token);
  const bearer = { authorization: `Bearer ${value}` };
  const path = `/api/companies/${companyId}/environments/probe-config`;
  const probe = (): Promise<ProbeAnswer> =>
    service.api.expect<ProbeAnswer>(200, 'POST', path, { driver: 'ssh', config: config() }, bearer);
  expect(await probe()).toMatchObject({ ok: false, details: { reasonCode: 'address_refused' } });
  await service.restart({ LEASEHOLD_SSH_ADDRESSES: '["127.0.0.0/8"]' });
  expect(await probe()).toMatchObject({ ok: true });
});
