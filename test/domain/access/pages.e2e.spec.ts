import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { serve, type Service } from '../../support/service.js';

const CONSOLE = 'https://console.example.org';
let service: Service;
beforeAll(async () => {
  service = await serve({ LEASEHOLD_ALLOWED_ORIGINS: JSON.stringify([CONSOLE]) });
});
afterAll(() => service?.close());

const path = `/api/companies/${randomUUID()}/leases`;

function ask(origin: string, method: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(service.api.url + path, { method, headers: { origin, ...headers } });
}

test('a page of an allowed origin may call, and read what it is answered', async () => {
  const preflight = await ask(CONSOLE, 'OPTIONS', {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization, content-type, idempotency-key, prefer',
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-origin')).toBe(CONSOLE);
  expect(preflight.headers.get('access-control-allow-methods')).toContain('PATCH');
  expect(preflight.headers.get('access-control-allow-headers')).toContain('idempotency-key');
  expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
  const answer = await ask(CONSOLE, 'GET');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBe(CONSOLE);
  expect(answer.headers.get('access-control-expose-headers')).toContain('X-Event-Position');
  // An error is read too, or nobody could tell what went wrong.
  const refused = await fetch(`${service.api.url}/api/environments/x`, { headers: { origin: CONSOLE } });
  expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([400, CONSOLE]);
});

test('a page of another origin may not', async () => {
  const other = 'https://console.example.org.evil.example';
  const preflight = await ask(other, 'OPTIONS', { 'access-control-request-method': 'POST' });
  expect(preflight.headers.get('access-control-allow-origin')).not.toBe(other);
  const answer = await ask(other, 'GET');
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([403, 'foreign_origin']);
});
