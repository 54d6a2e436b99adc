import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { problemOf, serveThings, type ServedApp } from './support.js';

const ID = '018f4b6e-7a3c-7d21-9b0e-5c1d2e3f4a5b';

describe('problem details', () => {
  let served: ServedApp;
  beforeAll(async () => {
    served = await serveThings();
  });
  afterAll(() => served?.app.close());
  beforeEach(() => void served.logged.splice(0));

  const get = (path: string, headers: Record<string, string> = {}) => fetch(served.url + path, { headers });
  const post = (body: string | Buffer, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
    fetch(`${served.url}/api/things`, { method: 'POST', body: new Uint8Array(Buffer.from(body)), headers });

  test('a refusal has its facts', async () => {
    const problem = await problemOf(await get('/api/fail/refusal'), 'environment_in_use');
    expect(problem).toMatchObject({
      leaseIds: ['a', 'b'],
      detail: 'Two leases use it.',
      instance: '/api/fail/refusal',
    });
    expect(served.logged).toEqual([]);
  });

  test.each([
    ['overloaded', 'overloaded'],
    ['unavailable', 'database_unavailable'],
    ['disconnected', 'database_unavailable'],
  ] as const)('%s is a 503 that says when to come back', async (how, code) => {
    const response = await get(`/api/fail/${how}`);
    expect(response.headers.get('retry-after')).toBe('1');
    const problem = await problemOf(response, code);
    expect(JSON.stringify(problem)).not.toContain('hunter2');
  });

  test.each(['unexpected', 'text', 'nothing', 'missing-file'])(
    'an unexpected failure (%s) is logged once with the request id, and answered without its text',
    async (how) => {
      const problem = await problemOf(await get(`/api/fail/${how}?token=hunter3`), 'internal_error');
      expect(JSON.stringify(problem)).not.toContain('hunter');
      expect(served.logged).toHaveLength(1);
      expect(served.logged[0]).toContain(problem.requestId);
      expect(served.logged[0]).not.toContain('hunter3');
    },
  );

  test('the log has the stack of an unexpected failure', async () => {
    await get('/api/fail/unexpected');
    expect(served.logged[0]).toMatch(/the secret is hunter2[\s\S]*at .*thing\.controller/);
  });

  test('a failure in the middle of an answer breaks the connection', async () => {
    await expect(get('/api/half').then((response) => response.text())).rejects.toThrow();
  });

  test.each(['1', 'not-a-uuid', `${ID}0`, '%00', "' or 1=1", 'x'.repeat(10_000)])('wrong id %#', async (id) => {
    const problem = await problemOf(await get(`/api/things/${id}`), 'validation_failed');
    expect(problem.errors?.[0]?.field).toBe('id');
  });

  test('an id is lower-cased', async () => {
    expect(await (await get(`/api/things/${ID.toUpperCase()}`)).json()).toEqual({ id: ID });
  });

  test("Nest's own pipes answer problems too", async () => {
    await problemOf(await get('/api/parsed/1'), 'validation_failed');
  });

  test('an unknown route', async () => {
    await problemOf(await get('/api/nothing?secret=1'), 'route_not_found');
    await problemOf(await fetch(`${served.url}/api/nothing`, { method: 'PUT', body: 'x' }), 'route_not_found');
    await problemOf(await get(`/${'x'.repeat(10_000)}`), 'route_not_found');
    await problemOf(await get('/api/docs/nothing.js'), 'route_not_found');
  });

  test('a path with a bad percent encoding', async () => {
    const problem = await problemOf(await get('/api/things/%E0%A4%A'), 'malformed_request');
    expect(problem.instance).toBe('/api/things/%E0%A4%A');
  });

  test.each([
    ['broken JSON', '{"name": "a"'],
    ['an empty body', ''],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['only spaces', '   '],
  ])('%s is malformed_json', async (_name, body) => {
    const problem = await problemOf(await post(body), 'malformed_json');
    expect(JSON.stringify(problem)).not.toContain('name');
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'nonsense', 'application/xml; charset=utf-8'])(
    'a body of type %s is unsupported',
    async (type) => {
      await problemOf(await post('{"name":"a"}', { 'content-type': type }), 'unsupported_media_type');
    },
  );

  test('a body without a type, or compressed, is unsupported', async () => {
    await problemOf(await post('{"name":"a"}', {}), 'unsupported_media_type');
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    await problemOf(await post('{"name":"a"}', headers), 'unsupported_media_type');
  });

  test('a DELETE may have the type of JSON and no body', async () => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${served.url}/api/things/${ID}`, { method: 'DELETE', headers });
    expect(response.status).toBe(200);
  });

  test("the caller's request id is kept where it is a UUID", async () => {
    const given = '018F4B6E-7A3C-7D21-9B0E-5C1D2E3F4A5B';
    const kept = await problemOf(await get('/api/nothing', { 'x-request-id': given }));
    expect(kept.requestId).toBe(given.toLowerCase());
    const replaced = await problemOf(await get('/api/nothing', { 'x-request-id': 'mine' }));
    expect(replaced.requestId).not.toBe('mine');
    expect((await get(`/api/things/${ID}`, { 'x-request-id': given })).headers.get('x-request-id')).toBe(ID);
  });

  test('app.inject() works', async () => {
    const answer = await served.app.inject({ method: 'POST', url: '/api/things', payload: { name: 1 } });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({
      code: 'validation_failed',
      errors: [{ field: 'name', message: 'must be a string' }],
    });
  });
});
