import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Problem } from '../../../src/platform/http/problem.js';
import { Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly 'x-requires'?: unknown }>>>>;
}
type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** What names a thing of a company, and what its absence is called; where there are several, the first counts. */
const NOT_FOUND: Readonly<Record<string, string>> = {
  secretId: 'secret_not_found',
  webhookId: 'webhook_not_found',
  leaseId: 'lease_not_found',
  id: 'environment_not_found',
  companyId: 'company_not_found',
};

/** Whose id is the caller’s own choice: the lease need not be there. */
const OF_COMPANY = ['PUT /api/companies/{companyId}/leases/{leaseId}'];

let service: Service;
let witness: Witness;
beforeAll(async () => {
  service = await serve();
  witness = await Witness.of(service.connection);
});
afterAll(async () => {
  await witness?.close();
  await service?.close();
});

test('every route of the document says what it requires', async () => {
  const { paths } = await service.api.expect<Document>(200, 'GET', '/api/openapi.json');
  const silent = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => operation['x-requires'] === undefined)
      .map(([method]) => `${method} ${path}`),
  );
  expect(silent).toEqual([]);
});

test('a token of another company gets 404 on every route that takes an id, and nothing is recorded', async () => {
  const { api } = service;
  const [ours, theirs] = [randomUUID(), randomUUID()];
  const environment = await api.createSandbox(ours);
  const { lease } = await api.acquire(ours, { environmentId: environment.id, heartbeatRunId: randomUUID() });
  const secret = await api.expect<{ id: string }>(201, 'POST', `/api/companies/${ours}/secrets`, {
    name: 'key',
    value: 'something',
  });
  const url = 'https://hooks.example.com/';
  const webhook = await api.expect<{ id: string }>(201, 'POST', `/api/companies/${ours}/webhooks`, { url });
  const ids: Readonly<Record<string, string>> = {
    companyId: ours,
    id: environment.id,
    leaseId: lease.id,
    secretId: secret.id,
    webhookId: webhook.id,
  };
  const wanted = { name: 'other', companies: [theirs], permissions: ['admin'] };
  const { value } = await api.expect<{ value: string }>(201, 'POST', '/api/tokens', wanted);
  const headers = { authorization: `Bearer ${value}` };
  const { paths } = await api.expect<Document>(200, 'GET', '/api/openapi.json');
  const before = await witness.events();

  const answers: Record<string, string> = {};
  const expected: Record<string, string> = {};
  for (const [path, methods] of Object.entries(paths)) {
    if (!path.includes('{')) continue;
    for (const method of Object.keys(methods)) {
      const name = `${method.toUpperCase()} ${path}`;
      const names = OF_COMPANY.includes(name) ? ['companyId'] : Object.keys(NOT_FOUND);
      const parameter = names.find((one) => path.includes(`{${one}}`));
      const url = path.replace(/\{(\w+)\}/g, (_all, one: string) => ids[one] ?? randomUUID());
      const verb = method.toUpperCase() as Method;
      const body = verb === 'GET' || verb === 'DELETE' ? undefined : {};
      const answer = await api.send<Problem>(verb, url, body, headers);
      answers[name] = `${answer.status} ${answer.body.code}`;
      // What belongs to no company is the service's own.
      expected[name] = `404 ${parameter === undefined ? 'route_not_found' : NOT_FOUND[parameter]}`;
    }
  }
  expect(Object.keys(answers).length).toBeGreaterThan(15);
  expect(answers).toEqual(expected);
  expect(await witness.events()).toEqual(before);
});
