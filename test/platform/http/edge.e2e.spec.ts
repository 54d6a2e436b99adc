import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { OpenAPIObject } from '@nestjs/swagger';
import { serve, type Service } from '../../support/service.js';
import { problemOf, sendRaw } from './support.js';

const CONSOLE = 'https://console.example.org';
const SAFE = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

let service: Service;
beforeAll(async () => {
  service = await serve({ LEASEHOLD_ALLOWED_ORIGINS: JSON.stringify([CONSOLE]) });
});
afterAll(() => service?.close());

const ask = (path: string, init: RequestInit = {}): Promise<Response> => fetch(service.api.url + path, init);
const headersOf = ({ headers }: Response): Record<string, string> => Object.fromEntries(headers);

describe('L14: every answer says that nobody may frame it, guess its type, or keep it', () => {
  test.each([
    ['a list', '/api/tokens', 200],
    ['no such route', '/nowhere', 404],
    ['a wrong id', '/api/environments/x', 400],
    ['the document', '/api/openapi.json', 200],
    ['readiness', '/api/ready', 200],
  ])('%s', async (_name, path, status) => {
    const answer = await ask(path);
    expect(answer.status).toBe(status);
    expect(headersOf(answer)).toMatchObject(SAFE);
  });

  test('a foreign host, and what is no HTTP', async () => {
    const [port] = /\d+$/.exec(service.api.url) ?? [];
    for (const text of ['GET /api/health HTTP/1.1\r\nHost: evil.example\r\n\r\n', 'nonsense\r\n\r\n']) {
      expect(Object.fromEntries((await sendRaw(Number(port), [text])).headers)).toMatchObject(SAFE);
    }
  });

  test('a stream of events', async () => {
    const leave = new AbortController();
    const answer = await ask(`/api/companies/${randomUUID()}/events/stream`, { signal: leave.signal });
    leave.abort();
    expect(headersOf(answer)).toMatchObject(SAFE);
  });

  test('pages load what they need, and nobody frames them', async () => {
    for (const path of ['/api/docs', '/api/docs/errors', '/api/docs/swagger-ui-bundle.js']) {
      const headers = headersOf(await ask(path));
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' });
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers['content-security-policy']).toMatch(/style-src[^;]*'unsafe-inline'/);
    }
    expect(headersOf(await ask('/api/docs'))['content-security-policy']).toContain("default-src 'self'");
  });
});

describe('a method that a route has not', () => {
  test('of any route is 405 with those that it has; OPTIONS tells them', async () => {
    const { paths } = (await (await ask('/api/openapi.json')).json()) as OpenAPIObject;
    for (const [pattern, operations] of Object.entries(paths)) {
      const path = pattern.replace(/\{[^}]+\}/g, () => randomUUID());
      const has = Object.keys(operations).map((method) => method.toUpperCase());
      const options = await ask(path, { method: 'OPTIONS' });
      const allowed = options.headers.get('allow')?.split(', ') ?? [];
      expect([options.status, pattern, allowed]).toEqual([204, pattern, expect.arrayContaining([...has, 'OPTIONS'])]);
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'LOCK'].filter((one) => !allowed.includes(one))) {
        const answer = await ask(path, { method });
        expect(answer.headers.get('allow')).toBe(options.headers.get('allow'));
        await problemOf(answer, 'method_not_allowed');
      }
    }
  });

  test('with a body too, and of the pages; what has no route at all is 404 for every method', async () => {
    const body = { method: 'PUT', body: '{}', headers: { 'content-type': 'application/json' } };
    await problemOf(await ask('/api/tokens', body), 'method_not_allowed');
    await problemOf(await ask('/api/docs', { method: 'POST' }), 'method_not_allowed');
    for (const method of ['OPTIONS', 'PUT', 'GET']) {
      for (const path of ['/api/nothing', '/api/environments/', '/api/tokens/x/y']) {
        await problemOf(await ask(path, { method }), 'route_not_found');
      }
    }
  });

  test('HEAD is answered where GET is', async () => {
    const head = await ask('/api/health', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect((await ask('/api/health', { method: 'OPTIONS' })).headers.get('allow')).toBe('GET, HEAD, OPTIONS');
  });
});

test('HEAD of a stream of events ends with its headers, and the connection serves the next request', async () => {
  const { host, hostname, port } = new URL(service.api.url);
  const socket = connect(Number(port), hostname);
  const path = `/api/companies/${randomUUID()}/events/stream`;
  socket.write(`HEAD ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  socket.write(`GET /api/health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const [, stream, health] = (await text(socket)).split('HTTP/1.1 ');
  expect(stream).toMatch(/^200 OK\r\n[^]*content-type: text\/event-stream[^]*\r\n\r\n$/i);
  expect(health).toMatch(/^200 OK\r\n/);
});

test('a load balancer may ask for health in HTTP/1.0 without a Host; nobody else may', async () => {
  const port = Number(new URL(service.api.url).port);
  const status = async (path: string): Promise<number> =>
    (await sendRaw(port, [`GET ${path} HTTP/1.0\r\n\r\n`])).status;
  expect(await status('/api/health')).toBe(200);
  expect(await status('/api/ready?verbose=1')).toBe(200);
  expect(await status('/api/tokens')).toBe(403);
  const foreign = await sendRaw(port, ['GET /api/health HTTP/1.0\r\nHost: evil.example\r\n\r\n']);
  expect(foreign.status).toBe(403);
});

test('a time whose plus was not encoded is read as it was meant', async () => {
  const company = randomUUID();
  await service.api.acquire(company);
  const local = new Date(Date.now() + 2 * 3_600_000).toISOString().replace('Z', '+02:00');
  const answers = [local, encodeURIComponent(local)].map((at) => ask(`/api/companies/${company}/leases?at=${at}`));
  const [plain, encoded] = await Promise.all(answers);
  expect([plain?.status, plain?.headers.get('x-as-of')]).toEqual([200, encoded?.headers.get('x-as-of')]);
  for (const wrong of ['2026-11-29T12:00:00 ', '2026-11-29T12:00:00 02', '2026-11-29 12:00:00 02:00']) {
    await problemOf(await ask(`/api/companies/${company}/leases?at=${wrong}`), 'validation_failed');
  }
});

test('a body of a wrong type is told the types that its route takes', async () => {
  const { lease } = await service.api.acquire(randomUUID());
  const detail = async (path: string, type: string): Promise<string> => {
    const answer = await ask(path, { method: 'POST', body: 'x', headers: { 'content-type': type } });
    return (await problemOf(answer, 'unsupported_media_type')).detail;
  };
  const syncIn = `/api/environment-leases/${lease.id}/sync-in`;
  expect(await detail(syncIn, 'nonsense')).toContain('media type');
  for (const type of ['application/gzip', 'application/octet-stream', 'text/plain']) {
    expect(await detail(syncIn, type)).toMatch(/application\/json or application\/x-tar/);
    expect(await detail('/api/tokens', type)).not.toContain('x-tar');
  }
  expect(await detail('/api/tokens', 'application/x-tar')).toContain('application/json');
});
