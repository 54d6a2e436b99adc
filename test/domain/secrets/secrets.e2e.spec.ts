import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { SecretJson } from '../../../src/domain/secrets/secret-json.js';
import { fingerprintOf } from '../../../src/platform/http/command-fingerprint.js';
import { newId } from '../../../src/event-sourcing/ids/new-id.js';
import { Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';
import { KeyedSandboxDriver } from './keyed-sandbox-driver.js';

let service: Service;
let witness: Witness;

beforeAll(async () => {
  service = await serve({}, [new KeyedSandboxDriver()]);
  witness = await Witness.of(service.connection);
});

afterAll(async () => {
  await witness?.close();
  await service?.close();
});

const secretsOf = (companyId: string): string => `/api/companies/${companyId}/secrets`;

function create(companyId: string, value = 'a value', headers = {}): Promise<SecretJson> {
  return service.api.expect(201, 'POST', secretsOf(companyId), { name: 'Deploy key', value }, headers);
}

async function listed(companyId: string): Promise<SecretJson[]> {
  const page = await service.api.expect<{ items: SecretJson[] }>(200, 'GET', secretsOf(companyId));
  return page.items;
}

const keyed = (config: object) => ({ name: 'Host', driver: 'sandbox', config: { provider: 'keyed', ...config } });

async function versions(secretId: string): Promise<number[]> {
  const rows = await witness.query<{ version: number }>(
    `SELECT version FROM secret_versions WHERE secret_id = '${secretId}' ORDER BY version`,
  );
  return rows.map(({ version }) => version);
}

describe('a secret', () => {
  it('is made, listed, rotated and deleted, and never shows its value', async () => {
    const company = newId();
    const made = await create(company);
    expect(made).toEqual({
      id: expect.any(String),
      companyId: company,
      name: 'Deploy key',
      latestVersion: 1,
      madeFor: null,
      createdAt: expect.any(String),
      updatedAt: made.createdAt,
      version: 1,
      position: expect.any(Number),
    });
    expect(await listed(company)).toEqual([made]);
    const path = `${secretsOf(company)}/${made.id}`;
    const rotated = await service.api.expect<SecretJson>(200, 'POST', `${path}/rotate`, { value: 'another' });
    expect(rotated).toMatchObject({ id: made.id, latestVersion: 2, version: 2 });
    expect(await versions(made.id)).toEqual([1, 2]);
    expect(await service.api.expect(200, 'DELETE', path)).toMatchObject({ id: made.id, version: 3 });
    expect(await versions(made.id)).toEqual([]);
    expect(await listed(company)).toEqual([]);
    expect(await service.api.problem(404, 'DELETE', path)).toMatchObject({ code: 'secret_not_found' });
  });

  it('is listed by pages, newest first', async () => {
    const company = newId();
    const made = [await create(company), await create(company), await create(company)].map(({ id }) => id);
    type Page = { items: SecretJson[]; nextCursor: string | null };
    const first = await service.api.expect<Page>(200, 'GET', `${secretsOf(company)}?limit=2`);
    const path = `${secretsOf(company)}?limit=2&cursor=${first.nextCursor ?? ''}`;
    const second = await service.api.expect<Page>(200, 'GET', path);
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(made.reverse());
    expect(second.nextCursor).toBeNull();
  });

  it('is not found by another company', async () => {
    const { id } = await create(newId());
    const path = `${secretsOf(newId())}/${id}`;
    const notFound = { code: 'secret_not_found' };
    expect(await service.api.problem(404, 'POST', `${path}/rotate`, { value: 'x' })).toMatchObject(notFound);
    expect(await service.api.problem(404, 'DELETE', path)).toMatchObject(notFound);
    expect(await versions(id)).toEqual([1]);
  });

  it('is made once however often its command is repeated', async () => {
    const company = newId();
    const headers = { 'idempotency-key': 'once' };
    const answers = await Promise.all([1, 2, 3, 4].map(() => create(company, 'a value', headers)));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    const rows = `SELECT secret_id AS id, version FROM secret_versions WHERE company_id = '${company}'`;
    expect(await witness.query(rows)).toEqual([{ id: answers[0]!.id, version: 1 }]);
    const other = { name: 'Deploy key', value: 'another value' };
    const problem = await service.api.problem(409, 'POST', secretsOf(company), other, headers);
    expect(problem.code).toBe('idempotency_key_reused');
    expect(await listed(company)).toHaveLength(1);
  });

  it('gets each of the versions that callers give it at once', async () => {
    const company = newId();
    const { id } = await create(company);
    const rotate = () => service.api.expect(200, 'POST', `${secretsOf(company)}/${id}/rotate`, { value: 'x' });
    await Promise.all([rotate(), rotate(), rotate(), rotate()]);
    expect(await versions(id)).toEqual([1, 2, 3, 4, 5]);
    expect((await listed(company))[0]).toMatchObject({ latestVersion: 5 });
  });
});

describe('a value in a config', () => {
  it('becomes a secret of the environment’s', async () => {
    const company = newId();
    const environment = await service.api.createEnvironment(company, keyed({ privateKey: 'k1' }));
    const [secret] = await listed(company);
    expect(secret).toMatchObject({
      name: 'Host: privateKey',
      madeFor: { environmentId: environment.id, field: 'privateKey' },
    });
    const privateKeySecretRef = { type: 'secret_ref', secretId: secret!.id, version: 'latest' };
    expect(environment.config).toEqual({ provider: 'keyed', host: 'a.example', privateKey: null, privateKeySecretRef });
  });

  it('stays when other fields change, and what was read can be sent back', async () => {
    const company = newId();
    const { id, config } = await service.api.createEnvironment(company, keyed({ privateKey: 'k1' }));
    const moved = await service.api.patchEnvironment(id, { config: { host: 'b.example' } });
    expect(moved.config).toEqual({ ...config, host: 'b.example' });
    expect((await service.api.patchEnvironment(id, { config: moved.config })).version).toBe(2);
    expect(await listed(company)).toHaveLength(1);
  });

  it('is a new version of the same secret where it replaces one', async () => {
    const company = newId();
    const { id, config } = await service.api.createEnvironment(company, keyed({ privateKey: 'k1' }));
    const headers = { 'idempotency-key': 'rotate' };
    const patch = { config: { privateKey: 'k2' } };
    expect((await service.api.patchEnvironment(id, patch, headers)).config).toEqual(config);
    expect((await service.api.patchEnvironment(id, patch, headers)).config).toEqual(config);
    expect(await listed(company)).toMatchObject([{ latestVersion: 2 }]);
  });

  it('may be a reference to a secret of the company, which other configs’ values do not change', async () => {
    const company = newId();
    const { id: secretId } = await create(company);
    const privateKeySecretRef = { type: 'secret_ref', secretId, version: 1 };
    const { id, config } = await service.api.createEnvironment(company, keyed({ privateKeySecretRef }));
    expect(config).toMatchObject({ privateKey: null, privateKeySecretRef });
    const own = await service.api.patchEnvironment(id, { config: { privateKey: 'k2' } });
    expect(own.config['privateKeySecretRef']).not.toMatchObject({ secretId });
    expect(await versions(secretId)).toEqual([1]);
  });

  it.each([
    ['an unknown secret', { type: 'secret_ref', secretId: newId(), version: 'latest' }],
    ['something else', { secretId: 1 }],
  ])('is refused where it refers to %s', async (_case, privateKeySecretRef) => {
    const path = `/api/companies/${newId()}/environments`;
    const problem = await service.api.problem(400, 'POST', path, keyed({ privateKeySecretRef }));
    expect(problem.errors).toMatchObject([{ field: 'config.privateKeySecretRef' }]);
  });

  it('is refused where it refers to another company’s secret or a version that there is not', async () => {
    const company = newId();
    const { id: secretId } = await create(company);
    const ref = (version: unknown) => keyed({ privateKeySecretRef: { type: 'secret_ref', secretId, version } });
    await service.api.problem(400, 'POST', `/api/companies/${newId()}/environments`, ref('latest'));
    await service.api.problem(400, 'POST', `/api/companies/${company}/environments`, ref(2));
  });

  it('is refused together with a reference, and where it is not a text', async () => {
    const company = newId();
    const path = `/api/companies/${company}/environments`;
    const { id: secretId } = await create(company);
    const both = { privateKey: 'k1', privateKeySecretRef: { type: 'secret_ref', secretId, version: 'latest' } };
    expect((await service.api.problem(400, 'POST', path, keyed(both))).code).toBe('validation_failed');
    const problem = await service.api.problem(400, 'POST', path, keyed({ privateKey: 7 }));
    expect(problem.errors).toMatchObject([{ field: 'config.privateKey' }]);
  });

  it('is deleted when the driver changes and when the environment is deleted', async () => {
    const company = newId();
    const changed = await service.api.createEnvironment(company, keyed({ privateKey: 'k1' }));
    const fake = { driver: 'sandbox', config: { provider: 'fake' } };
    expect((await service.api.patchEnvironment(changed.id, fake)).config).not.toHaveProperty('privateKeySecretRef');
    expect(await listed(company)).toEqual([]);
    const back = await service.api.patchEnvironment(changed.id, { config: { provider: 'keyed' } });
    expect(back.config['privateKeySecretRef']).toBeNull();
    const removed = await service.api.createEnvironment(company, keyed({ privateKey: 'k1' }));
    await service.api.deleteEnvironment(removed.id);
    expect(await listed(company)).toEqual([]);
  });
});

describe('deleting a secret', () => {
  const inUse = (problem: object) => expect(problem).toMatchObject({ code: 'secret_in_use' });

  it('is refused while a config or a lease that is not settled refers to it', async () => {
    const company = newId();
    const environment = await service.api.createEnvironment(company, keyed({ privateKey: 'k1' }));
    const { lease } = await service.api.acquire(company, { environmentId: environment.id });
    const [secret] = await listed(company);
    const path = `${secretsOf(company)}/${secret!.id}`;
    const both = await service.api.problem(409, 'DELETE', path);
    inUse(both);
    expect(both).toMatchObject({ environmentIds: [environment.id], leaseIds: [lease.id] });
    // The lease still needs it, so the change of the config leaves it where it is.
    await service.api.patchEnvironment(environment.id, { config: { privateKeySecretRef: null } });
    expect(await service.api.problem(409, 'DELETE', path)).toMatchObject({ environmentIds: [], leaseIds: [lease.id] });
    await service.api.release(lease.id);
    await service.api.expect(200, 'DELETE', path);
    expect(await versions(secret!.id)).toEqual([]);
  });

  it('and referring to it at once never leaves a config without its secret', async () => {
    for (let round = 0; round < 8; round += 1) {
      const company = newId();
      const { id: secretId } = await create(company);
      const privateKeySecretRef = { type: 'secret_ref', secretId, version: 'latest' };
      const path = `/api/companies/${company}/environments`;
      const [made, deleted] = await Promise.all([
        service.api.send('POST', path, keyed({ privateKeySecretRef })),
        service.api.send('DELETE', `${secretsOf(company)}/${secretId}`),
      ]);
      expect([
        [201, 409],
        [400, 200],
      ]).toContainEqual([made.status, deleted.status]);
    }
  });
});

describe('what queries read of secrets', () => {
  it('is the fold of the log', async () => {
    await listed(newId());
    await service.api.environments(newId());
    await service.api.leases(newId());
    await witness.expectTablesToBeTheFold(await witness.events());
  });
});

describe('a planted value', () => {
  /** Short enough that no line break of base64 parts it, and of 3 n bytes, so that its base64 is the same in a longer text. */
  const PLANTED = 'Planted-value-7d9e1c523b6a4f0e8c215a';
  const forms = [PLANTED, Buffer.from(PLANTED).toString('base64'), Buffer.from(PLANTED).toString('hex')];

  it('is nowhere but in its sealed rows: not as it is, in base64, in hex or as a digest that guesses could be tried on', async () => {
    const company = newId();
    const headers = { 'idempotency-key': 'planted' };
    const answers: unknown[] = [];
    const send = async (method: 'POST' | 'PATCH' | 'GET', path: string, body?: object, extra = {}) =>
      answers.push((await service.api.send<{ id: string }>(method, path, body, extra)).body);
    const secret = await create(company, PLANTED, headers);
    const environment = await service.api.createEnvironment(company, keyed({ privateKey: PLANTED }), {
      'idempotency-key': 'planted-too',
    });
    await send('POST', secretsOf(company), { name: 'x', value: `${PLANTED}!` }, headers);
    await send('POST', secretsOf(company), { name: 7, value: PLANTED });
    await send('POST', secretsOf(company), { name: 'x', value: [PLANTED] });
    await send('POST', secretsOf(company), { name: 'x', value: `${PLANTED}\u0000` });
    await send('POST', `${secretsOf(company)}/${secret.id}/rotate`, { value: PLANTED });
    await send('PATCH', `/api/environments/${environment.id}`, { config: { privateKey: PLANTED } });
    await send('PATCH', `/api/environments/${environment.id}`, { config: { privateKey: PLANTED, other: 1 } });
    await send('PATCH', `/api/environments/${environment.id}`, { config: { privateKey: [PLANTED] } });
    await service.api.acquire(company, { environmentId: environment.id });
    await send('GET', secretsOf(company));
    await send('GET', `/api/companies/${company}/environments`);
    await send('GET', `/api/companies/${company}/leases`);

    const tables = await witness.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> 'secret_versions'`,
    );
    expect(tables.length).toBeGreaterThan(5);
    const rows = await Promise.all(tables.map(({ name }) => witness.query(`SELECT t::text AS row FROM ${name} t`)));
    const sealed = await witness.query(
      `SELECT encode(nonce || ciphertext, 'escape') AS text, encode(ciphertext, 'hex') AS hex FROM secret_versions`,
    );
    const everything = JSON.stringify([rows, sealed, answers, secret, environment, service.logged]).toLowerCase();
    const body = { name: 'Deploy key', value: PLANTED };
    const digests = [
      fingerprintOf({ method: 'POST', url: secretsOf(company), body }),
      createHash('sha256').update(PLANTED).digest('hex'),
    ];
    for (const form of [...forms, ...digests]) expect(everything.includes(form.toLowerCase())).toBe(false);
  });
});
