import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Environment } from '../../../src/domain/environments/state.js';
import type { Problem } from '../../../src/platform/http/problem.js';
import { Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';

type Field = [name: string, method: 'POST' | 'PATCH', path: string, body: (text: string) => object];

let service: Service;
const companyId = randomUUID();
let leaseId: string;
let environmentId: string;
beforeAll(async () => {
  service = await serve();
  ({ id: environmentId } = await service.api.createSandbox(companyId));
  leaseId = (await service.api.acquire(companyId, { environmentId })).lease.id;
});
afterAll(() => service?.close());

const URL = 'https://hooks.example.com/x';
const of = (path: string): string => `/api/companies/${companyId}/${path}`;
const fields = (): Field[] => [
  ['name', 'POST', of('environments'), (name) => ({ name, driver: 'sandbox', config: { provider: 'fake' } })],
  ['name', 'PATCH', `/api/environments/${environmentId}`, (name) => ({ name })],
  ['name', 'POST', of('secrets'), (name) => ({ name, value: 'value-of-a-secret' })],
  ['name', 'POST', '/api/tokens', (name) => ({ name, companies: null, permissions: [] })],
];
const texts = (): Field[] => [
  ['description', 'PATCH', `/api/environments/${environmentId}`, (description) => ({ description })],
  ['description', 'POST', of('webhooks'), (description) => ({ url: URL, description })],
  ['note', 'POST', `/api/environment-leases/${leaseId}/cleanup/write-off`, (note) => ({ note })],
  ['failureReason', 'POST', `/api/environment-leases/${leaseId}/release`, (failureReason) => ({ failureReason })],
];

async function refused(field: string, method: 'POST' | 'PATCH', path: string, body: object): Promise<void> {
  const answer = await service.api.send<Problem>(method, path, body);
  expect([path, body, answer.status, answer.body.errors?.map((error) => error.field)]).toEqual([
    path,
    body,
    400,
    [field],
  ]);
}

const CONTROLS = ['a\u0000b', 'a\u001b[31mRED', 'a\u0007', 'a\u007f', 'a\u009b2J', 'a\u0008\u0008b'];
const BIDI = ['a\u202eb', 'a\u2066b', '\u200fa', 'a\u061cb', 'a\u2069'];
const LINES = ['a\nb', 'a\rb', 'a\tb', 'a\u2028b', 'a\u2029b', 'a\u0085b'];
const UNSEEN = ['\u200b', '\u200d\u200c', ' \u00a0 ', '\u3164', '\u2800', '\ufe0f', '\u{e0020}', 'a\u200bb', '\ufeffa'];
const GOOD = ['Sandbox', 'größe 日本語', '👨‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'می‌خواهم', 'שלום', 'a  b', "it's <b>&"];

describe('L12: what a terminal would do, or not show, is in no name or reason', () => {
  test('names: no control character, bidi mark or line break, and something to be seen', async () => {
    for (const [field, method, path, body] of fields()) {
      for (const text of [...CONTROLS, ...BIDI, ...LINES, ...UNSEEN]) await refused(field, method, path, body(text));
    }
  });

  test('names in any script are taken as they are', async () => {
    for (const name of GOOD) {
      const body = { name, driver: 'sandbox', config: { provider: 'fake' } };
      expect(await service.api.expect<Environment>(201, 'POST', of('environments'), body)).toMatchObject({ name });
    }
  });

  test('free texts: line breaks and tabs, and no other control character or bidi mark', async () => {
    for (const [field, method, path, body] of texts()) {
      for (const text of [...CONTROLS, ...BIDI]) await refused(field, method, path, body(text));
    }
    const description = 'one\n\ttwo\r\nthree \u2028';
    const path = `/api/environments/${environmentId}`;
    expect(await service.api.expect(200, 'PATCH', path, { description })).toMatchObject({ description });
  });

  test('addresses, refs and streams are one line', async () => {
    await refused('url', 'POST', of('webhooks'), { url: 'https://hooks.example\n.com' });
    await refused('filter.stream', 'POST', of('webhooks'), { url: URL, filter: { stream: 'lease-\u001b' } });
    const realize = `/api/environment-leases/${leaseId}/realize-workspace`;
    for (const field of ['repoUrl', 'repoRef', 'branchName']) {
      const body = { version: 1, source: { kind: 'project_primary', [field]: 'a\u202eb' } };
      await refused(`source.${field}`, 'POST', realize, body);
    }
  });

  test('what was stored before is read as it was', async () => {
    const { id, position } = await service.api.createSandbox(randomUUID());
    const witness = await Witness.of(service.connection);
    const name = 'old\u001b[31m\nname';
    const set = `UPDATE events SET data = jsonb_set(data, '{name}', to_jsonb(${quoted(name)}::text)) WHERE position = ${position}`;
    await witness.query(set);
    await witness.close();
    await service.restart();
    expect(await service.api.expect(200, 'GET', `/api/environments/${id}?at=${position}`)).toMatchObject({ name });
  });
});

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
