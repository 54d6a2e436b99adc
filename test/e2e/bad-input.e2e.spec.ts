import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ErrorCode } from '../../src/errors/catalogue.js';
import { expectProblem } from '../platform/http/support.js';
import { Witness } from '../support/fold-of-log.js';
import { serve, type Service } from '../support/service.js';

interface World {
  readonly companyId: string;
  readonly active: string;
  readonly archived: string;
  readonly deleted: string;
  readonly ofAnother: string;
  readonly held: string;
  readonly runId: string;
  readonly usedKey: string;
}

interface Bad {
  readonly name: string;
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: (world: World) => string;
  /** What is sent: JSON of an object, or a text as it is. */
  readonly body?: object | string;
  /** The same, where it names what is there. */
  readonly bodyOf?: (world: World) => object;
  readonly headers?: (world: World) => Record<string, string>;
  readonly code: ErrorCode;
  /** The first field that is named. */
  readonly field?: string;
}

const leases = ({ companyId }: World): string => `/api/companies/${companyId}/leases`;
const environments = ({ companyId }: World): string => `/api/companies/${companyId}/environments`;
const environment = ({ active }: World): string => `/api/environments/${active}`;
const release = ({ held }: World): string => `/api/environment-leases/${held}/release`;
const releaseRun = ({ companyId, runId }: World): string =>
  `/api/companies/${companyId}/heartbeat-runs/${runId}/release-leases`;

const nested = (depth: number): string => `{"metadata":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`;
const MEGABYTES_20 = 20 * 1024 * 1024;

/** A field of a body that is not as it should be; everything else about the request is fine. */
const acquire = (field: string, value: unknown, name = `${field}: ${JSON.stringify(value)}`): Bad => ({
  name: `acquire with ${name}`,
  path: leases,
  body: { [field]: value },
  code: 'validation_failed',
  field,
});
const create = (changes: object, field: string): Bad => ({
  name: `create with ${JSON.stringify(changes)}`,
  path: environments,
  body: { name: 'Box', driver: 'sandbox', config: { provider: 'fake' }, ...changes },
  code: 'validation_failed',
  field,
});

const webhook = (body: object, field: string): Bad => ({
  name: `a webhook with ${JSON.stringify(body)}`,
  path: ({ companyId }) => `/api/companies/${companyId}/webhooks`,
  body,
  code: 'validation_failed',
  field,
});
const HOOK = 'https://hooks.example.com/';

const BAD: readonly Bad[] = [
  ...[0, -1, 1.5, 86_401, '60', null].map((seconds) =>
    create({ provisioningTimeoutSeconds: seconds }, 'provisioningTimeoutSeconds'),
  ),
  ...['true', 1, null].map((value) => create({ requireFence: value }, 'requireFence')),

  // wrong UUIDs
  acquire('environmentId', 'nonsense'),
  acquire('heartbeatRunId', '00000000-0000-0000-0000-00000000000'),
  acquire('issueId', ''),
  acquire('agentId', '{00000000-0000-0000-0000-000000000000}'),
  acquire('executionWorkspaceId', `${randomUUID()}\n`),
  { name: 'a company that is no UUID', path: () => '/api/companies/acme/leases', body: {}, code: 'validation_failed' },
  {
    name: 'a run that is no UUID',
    path: ({ companyId }) => `/api/companies/${companyId}/heartbeat-runs/1/release-leases`,
    body: {},
    code: 'validation_failed',
    field: 'runId',
  },
  {
    name: 'a lease that is no UUID',
    path: () => `/api/environment-leases/x/release`,
    body: {},
    code: 'validation_failed',
  },
  {
    name: 'an environment that is no UUID',
    method: 'PATCH',
    path: () => '/api/environments/%00',
    body: {},
    code: 'validation_failed',
  },

  // wrong types and values
  acquire('environmentId', 7),
  acquire('heartbeatRunId', { id: 'x' }),
  acquire('ttlSeconds', '60'),
  acquire('ttlSeconds', 0),
  acquire('ttlSeconds', -1),
  acquire('ttlSeconds', 1.5),
  acquire('ttlSeconds', 1e21),
  acquire('idleTtlSeconds', true),
  acquire('maxTtlSeconds', [60]),
  acquire('expiryNoticeSeconds', -1),
  acquire('expiryNoticeSeconds', 0.5),
  acquire('priority', 101),
  acquire('leasePolicy', 'forever'),
  acquire('adapterType', 'constructor'),
  acquire('executionWorkspaceMode', 'toString'),
  acquire('metadata', []),
  acquire('metadata', 'text'),
  create({ name: 1 }, 'name'),
  create({ name: '   ' }, 'name'),
  create({ name: 'x'.repeat(201) }, 'name'),
  create({ description: {} }, 'description'),
  create({ driver: null }, 'driver'),
  create({ driver: 'docker' }, 'driver'),
  create({ config: null }, 'config'),
  create({ config: [] }, 'config'),
  create({ metadata: 'x' }, 'metadata'),
  create({ config: { provider: 'fake', image: '' } }, 'config.image'),
  create({ config: { provider: 'fake', reuseLease: 'yes' } }, 'config.reuseLease'),
  create({ config: {} }, 'config.provider'),
  create({ config: { provider: 'Fake' } }, 'config.provider'),
  webhook({}, 'url'),
  webhook({ url: '//hooks.example.com' }, 'url'),
  webhook({ url: 'file:///etc/passwd' }, 'url'),
  webhook({ url: 'https://me:word@hooks.example.com/' }, 'url'),
  webhook({ url: HOOK, filter: null }, 'filter'),
  webhook({ url: HOOK, filter: 'all' }, 'filter'),
  webhook({ url: HOOK, filter: [] }, 'filter'),
  webhook({ url: HOOK, filter: { type: [] } }, 'filter.type'),
  webhook({ url: HOOK, filter: { type: ['Nothing'] } }, 'filter.type'),
  webhook({ url: HOOK, filter: { type: ['WebhookPaused'] } }, 'filter.type'),
  webhook({ url: HOOK, filter: { leaseId: 'x' } }, 'filter.leaseId'),
  webhook({ url: HOOK, filter: { company: 'x' } }, 'filter.company'),
  {
    name: 'patch with a null name',
    method: 'PATCH',
    path: environment,
    body: { name: null },
    code: 'validation_failed',
    field: 'name',
  },
  {
    name: 'patch with a wrong status',
    method: 'PATCH',
    path: environment,
    body: { status: 'gone' },
    code: 'validation_failed',
  },
  {
    name: 'patch with a wrong config',
    method: 'PATCH',
    path: environment,
    body: { config: { image: 1 } },
    code: 'validation_failed',
    field: 'config.image',
  },
  {
    name: 'release with a wrong status',
    path: release,
    body: { status: 'retained' },
    code: 'validation_failed',
    field: 'status',
  },
  {
    name: 'release of a run with a wrong reason',
    path: releaseRun,
    body: { status: 'failed', failureReason: 137 },
    code: 'validation_failed',
  },

  // unknown fields
  acquire('enviromentId', randomUUID()),
  acquire('companyId', randomUUID()),
  create({ colour: 'red' }, 'colour'),
  create({ config: { provider: 'fake', imgae: 'x' } }, 'config.imgae'),
  {
    name: 'patch of what is not to be changed',
    method: 'PATCH',
    path: environment,
    body: { companyId: randomUUID() },
    code: 'validation_failed',
  },
  {
    name: 'release with an unknown field',
    path: release,
    body: { reason: 'x' },
    code: 'validation_failed',
    field: 'reason',
  },
  {
    name: 'a list with an unknown filter',
    method: 'GET',
    path: (world) => `${leases(world)}?colour=red`,
    code: 'validation_failed',
  },
  {
    name: 'a list with a wrong limit',
    method: 'GET',
    path: (world) => `${leases(world)}?limit=0`,
    code: 'validation_failed',
  },
  {
    name: 'a list with a wrong cursor',
    method: 'GET',
    path: (world) => `${leases(world)}?cursor=1e3`,
    code: 'validation_failed',
  },
  ...['limit=0', 'limit=501', 'limit=1.5', 'limit=', 'cursor=1', 'cursor='].map((query) => ({
    name: `a list of environments with ${query}`,
    method: 'GET' as const,
    path: ({ companyId }: World) => `/api/companies/${companyId}/environments?${query}`,
    code: 'validation_failed' as const,
  })),

  // bodies that are too large, too deep, or no JSON object
  {
    name: 'a body of 20 MB',
    path: leases,
    body: `{"metadata":{"a":"${'x'.repeat(MEGABYTES_20)}"}}`,
    code: 'payload_too_large',
  },
  { name: 'JSON of 33 levels', path: leases, body: nested(32), code: 'validation_failed' },
  { name: 'JSON of 100,000 levels', path: leases, body: nested(100_000), code: 'validation_failed' },
  {
    name: 'arrays of 100,000 levels',
    path: leases,
    body: `{"metadata":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    code: 'validation_failed',
  },
  {
    name: 'NUL in a value',
    path: environments,
    body: { name: 'a\0b', driver: 'local' },
    code: 'validation_failed',
    field: 'name',
  },
  {
    name: 'NUL deep in metadata',
    path: leases,
    body: { metadata: { a: [{ b: '\0' }] } },
    code: 'validation_failed',
    field: 'metadata.a.0.b',
  },
  { name: 'NUL in a key', path: leases, body: { metadata: { '\0': 1 } }, code: 'validation_failed' },
  { name: 'half of a surrogate pair', path: leases, body: { metadata: { a: '\ud800' } }, code: 'validation_failed' },
  { name: '__proto__', path: leases, body: '{"metadata":{"__proto__":{"a":1}}}', code: 'validation_failed' },
  { name: 'a number that is none', path: leases, body: '{"metadata":{"a":1e999}}', code: 'validation_failed' },
  { name: 'broken JSON', path: leases, body: '{"heartbeatRunId": "', code: 'malformed_json' },
  { name: 'an empty body', path: leases, body: '', code: 'malformed_json' },
  { name: 'null for a body', path: leases, body: 'null', code: 'validation_failed' },
  { name: 'an array for a body', path: leases, body: '[{}]', code: 'validation_failed' },
  { name: 'text for a body', path: releaseRun, body: '"released"', code: 'validation_failed' },
  {
    name: 'a form',
    path: leases,
    body: 'a=1',
    headers: () => ({ 'content-type': 'application/x-www-form-urlencoded' }),
    code: 'unsupported_media_type',
  },

  // what is not there, or not any more
  {
    name: 'an archived environment',
    path: leases,
    bodyOf: ({ archived }) => ({ environmentId: archived }),
    code: 'environment_inactive',
  },
  {
    name: 'a deleted environment',
    path: leases,
    bodyOf: ({ deleted }) => ({ environmentId: deleted }),
    code: 'environment_not_found',
  },
  {
    name: 'an unknown environment',
    path: leases,
    bodyOf: () => ({ environmentId: randomUUID() }),
    code: 'environment_not_found',
  },
  {
    name: 'the environment of another company',
    path: leases,
    bodyOf: ({ ofAnother }) => ({ environmentId: ofAnother }),
    code: 'environment_not_found',
  },
  {
    name: 'patch of a deleted one',
    method: 'PATCH',
    path: ({ deleted }) => `/api/environments/${deleted}`,
    body: { name: 'x' },
    code: 'environment_not_found',
  },
  {
    name: 'delete of an unknown one',
    method: 'DELETE',
    path: () => `/api/environments/${randomUUID()}`,
    code: 'environment_not_found',
  },
  { name: 'delete of one that is in use', method: 'DELETE', path: environment, code: 'environment_in_use' },
  {
    name: 'release of an unknown lease',
    path: () => `/api/environment-leases/${randomUUID()}/release`,
    body: {},
    code: 'lease_not_found',
  },
  {
    name: 'get of an unknown lease',
    method: 'GET',
    path: () => `/api/environment-leases/${randomUUID()}`,
    code: 'lease_not_found',
  },
  {
    name: 'a driver that is not there',
    path: environments,
    body: { name: 'S', driver: 'plugin', config: { pluginKey: 'acme', driverKey: 'box' } },
    code: 'unsupported_environment',
  },
  {
    name: 'a driver of a plugin, without its name',
    path: environments,
    body: { name: 'S', driver: 'plugin', config: { pluginKey: 'acme' } },
    code: 'validation_failed',
    field: 'config.driverKey',
  },
  {
    name: 'a provider that is not there',
    path: environments,
    body: { name: 'S', driver: 'sandbox', config: { provider: 'acme' } },
    code: 'unsupported_environment',
  },
  {
    name: 'patch to a driver that is not there',
    method: 'PATCH',
    path: environment,
    body: { driver: 'plugin', config: { pluginKey: 'acme', driverKey: 'box' } },
    code: 'unsupported_environment',
  },
  {
    name: 'an unknown driver',
    path: environments,
    body: { name: 'S', driver: 'qemu' },
    code: 'validation_failed',
    field: 'driver',
  },
  {
    name: 'an adapter that does not run there',
    path: leases,
    bodyOf: ({ active }) => ({ environmentId: active, adapterType: 'http' }),
    code: 'unsupported_adapter_environment',
  },

  // headers
  {
    name: 'a key that came with another body',
    path: leases,
    body: { ttlSeconds: 61 },
    headers: ({ usedKey }) => ({ 'Idempotency-Key': usedKey }),
    code: 'idempotency_key_reused',
  },
  {
    name: 'a key that came with another command',
    path: releaseRun,
    body: {},
    headers: ({ usedKey }) => ({ 'Idempotency-Key': usedKey }),
    code: 'idempotency_key_reused',
  },
  {
    name: 'a key with a blank',
    path: leases,
    body: {},
    headers: () => ({ 'Idempotency-Key': 'a b' }),
    code: 'validation_failed',
    field: 'Idempotency-Key',
  },
  {
    name: 'a key that is too long',
    path: leases,
    body: {},
    headers: () => ({ 'Idempotency-Key': 'x'.repeat(256) }),
    code: 'validation_failed',
  },
  {
    name: 'a wrong If-Match',
    method: 'PATCH',
    path: environment,
    body: { name: 'x' },
    headers: () => ({ 'If-Match': 'W/"1"' }),
    code: 'validation_failed',
  },
  {
    name: 'an old If-Match',
    method: 'PATCH',
    path: environment,
    body: { name: 'x' },
    headers: () => ({ 'If-Match': '"0"' }),
    code: 'version_conflict',
  },
  {
    name: 'a wrong X-Min-Position',
    method: 'GET',
    path: environment,
    headers: () => ({ 'X-Min-Position': '-1' }),
    code: 'validation_failed',
  },
  {
    name: 'an X-Min-Position of the future',
    method: 'GET',
    path: environment,
    headers: () => ({ 'X-Min-Position': '9007199254740991' }),
    code: 'position_ahead_of_log',
  },
];

describe('bad input is refused by its code and changes nothing', () => {
  let service: Service;
  let witness: Witness;
  let world: World;
  beforeAll(async () => {
    service = await serve();
    witness = await Witness.of(service.connection);
    const { api } = service;
    const [companyId, runId, usedKey] = [randomUUID(), randomUUID(), randomUUID()];
    const [active, archived, deleted, ofAnother] = [
      await api.createSandbox(companyId),
      await api.createSandbox(companyId),
      await api.createSandbox(companyId),
      await api.createSandbox(randomUUID()),
    ];
    await api.patchEnvironment(archived.id, { status: 'archived' });
    await api.deleteEnvironment(deleted.id);
    const wish = { environmentId: active.id, heartbeatRunId: runId };
    const { lease } = await api.acquire(companyId, wish, { 'Idempotency-Key': usedKey });
    const ids = { active: active.id, archived: archived.id, deleted: deleted.id, ofAnother: ofAnother.id };
    world = { companyId, runId, usedKey, held: lease.id, ...ids };
  });
  afterAll(async () => {
    await witness?.close();
    await service?.close();
  });

  test.each(BAD)('$name: $code', async ({ method = 'POST', path, body, bodyOf, headers, code, field }) => {
    const before = await witness.head();
    const sent = bodyOf?.(world) ?? body;
    const response = await fetch(service.api.url + path(world), {
      method,
      headers: { ...(sent !== undefined && { 'content-type': 'application/json' }), ...headers?.(world) },
      ...(sent !== undefined && { body: typeof sent === 'string' ? sent : JSON.stringify(sent) }),
    });
    const problem = expectProblem(response.status, response.headers, await response.text(), code);
    if (field !== undefined) expect(problem.errors?.[0]?.field).toBe(field);
    expect(JSON.stringify(problem).length).toBeLessThan(20_000);
    expect(await witness.head()).toBe(before);
  });

  test('after all that everything is as it was, and nothing was logged as a mistake of the service', async () => {
    const { api } = service;
    expect((await api.lease(world.held)).status).toBe('active');
    expect(await api.environment(world.active)).toMatchObject({ status: 'active', version: 1 });
    expect((await api.environments(world.companyId)).map(({ id }) => id)).toEqual([world.active, world.archived]);
    expect((await api.leases(world.companyId)).items).toHaveLength(1);
    await witness.expectTablesToBeTheFold(await witness.events());
    expect(service.logged.filter((line) => !line.endsWith(' Subscriptions'))).toEqual([]);
  });
});
