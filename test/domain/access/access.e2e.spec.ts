import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TokenJson } from '../../../src/domain/access/token-json.js';
import type { Problem } from '../../../src/platform/http/problem.js';
import { Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';

type Made = TokenJson & { readonly value: string };

let service: Service;
let witness: Witness;
let admin: Record<string, string>;
const [ours, theirs] = [randomUUID(), randomUUID()];
const bearer = (value: string): Record<string, string> => ({ authorization: `Bearer ${value}` });

beforeAll(async () => {
  service = await serve({ LEASEHOLD_ALLOWED_ORIGINS: '["https://console.example.org"]' });
  witness = await Witness.of(service.connection);
});
afterAll(async () => {
  await witness?.close();
  await service?.close();
});

async function make(wanted: object): Promise<Made> {
  return service.api.expect(201, 'POST', '/api/tokens', { name: 'test', ...wanted }, admin);
}

/** Sends headers that fetch would not let a caller set. */
function raw(path: string, headers: Record<string, string>): Promise<{ status: number; code: string | null }> {
  return new Promise((resolve, reject) => {
    request(service.api.url + path, { headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        const problem = response.headers['content-type']?.includes('problem') === true;
        resolve({ status: response.statusCode ?? 0, code: problem ? (JSON.parse(text) as Problem).code : null });
      });
    })
      .on('error', reject)
      .end();
  });
}

describe('before a token is made', () => {
  test('the operator of this machine is implied, and is in the events', async () => {
    await service.api.createSandbox(ours);
    expect((await witness.events()).at(-1)?.actor).toBe('operator:local');
  });

  test.each(['/api/health', '/api/projections', '/api/docs', '/api/openapi.json', '/nowhere'])(
    'a foreign Host is refused: %s',
    async (path) => {
      expect(await raw(path, { host: 'evil.example' })).toEqual({ status: 403, code: 'foreign_host' });
      expect(await raw(path, { host: 'localhost.evil.example:3000' })).toEqual({ status: 403, code: 'foreign_host' });
    },
  );

  test('a foreign Origin is refused, the service’s own and a listed one are not', async () => {
    const { host, origin } = new URL(service.api.url);
    for (const foreign of ['https://evil.example', 'null', `${origin}1`, 'http://localhost']) {
      expect(await raw('/api/health', { origin: foreign })).toEqual({ status: 403, code: 'foreign_origin' });
    }
    for (const known of [origin, 'https://console.example.org']) {
      expect(await raw('/api/health', { origin: known, host })).toEqual({ status: 200, code: null });
    }
    expect((await raw('/api/docs', { origin, host })).status).toBe(200);
    for (const host of ['localhost:1', '127.0.0.1', '[::1]:80']) {
      expect((await raw('/api/health', { host })).status).toBe(200);
    }
  });
});

describe('with tokens', () => {
  beforeAll(async () => {
    const wanted = { name: 'admin', companies: null, permissions: ['admin'] };
    admin = bearer((await service.api.expect<Made>(201, 'POST', '/api/tokens', wanted)).value);
  });

  test('everybody needs one; health, readiness and the document are for all', async () => {
    const refused = await service.api.send<Problem>('GET', `/api/companies/${ours}/environments`);
    expect([refused.status, refused.body.code]).toEqual([401, 'unauthenticated']);
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="leasehold"');
    for (const path of ['/api/health', '/api/ready', '/api/openapi.json']) {
      expect((await service.api.send('GET', path)).status).toBe(200);
    }
  });

  test('what is no token, or not quite one, is refused', async () => {
    const { id, value } = await make({ companies: [ours], permissions: [] });
    const wrong = [value.slice(0, -1), `${value}A`, value.toUpperCase(), `lh_${id}_${'A'.repeat(43)}`, 'lh_', 'x'];
    for (const authorization of [...wrong.map((one) => `Bearer ${one}`), `Basic ${value}`, value]) {
      const { status, headers } = await service.api.send('GET', `/api/companies/${ours}/environments`, undefined, {
        authorization,
      });
      expect([authorization, status]).toEqual([authorization, 401]);
      expect(headers.get('www-authenticate')).toContain('error="invalid_token"');
    }
  });

  test('a token ends when it is revoked, at once, and when it expires', async () => {
    const path = `/api/companies/${ours}/environments`;
    const { id, value } = await make({ companies: [ours], permissions: [] });
    await service.api.expect(200, 'GET', path, undefined, bearer(value));
    const revoked = await service.api.expect<TokenJson>(200, 'DELETE', `/api/tokens/${id}`, undefined, admin);
    expect(revoked.revokedAt).not.toBeNull();
    expect(revoked.lastUsedAt).not.toBeNull();
    await service.api.expect(401, 'GET', path, undefined, bearer(value));
    const again = await service.api.expect<TokenJson>(200, 'DELETE', `/api/tokens/${id}`, undefined, admin);
    expect(again).toEqual(revoked);
    const past = await make({ companies: [ours], permissions: [], expiresAt: '2026-01-01T00:00:00Z' });
    await service.api.expect(401, 'GET', path, undefined, bearer(past.value));
    await service.api.expect(404, 'DELETE', `/api/tokens/${randomUUID()}`, undefined, admin);
    const events = (await witness.events()).filter(({ stream }) => stream === `token-${id}`);
    expect(events.map(({ type }) => type)).toEqual(['TokenCreated', 'TokenRevoked']);
  });

  test.each(['20300101T000000Z', '9999-12-31T23:59:59-23:59', '2030-02-30T00:00:00Z', '2030-01-01'])(
    'one that would expire at %s is refused',
    async (expiresAt) => {
      const body = { name: 'n', companies: null, permissions: [], expiresAt };
      expect(await service.api.expect(400, 'POST', '/api/tokens', body, admin)).toMatchObject({
        code: 'validation_failed',
      });
    },
  );

  test('no value is ever shown again or in the log', async () => {
    const { value } = await make({ companies: null, permissions: ['audit:read'] });
    const secret = value.slice(-43);
    expect(JSON.stringify(await service.api.expect(200, 'GET', '/api/tokens', undefined, admin))).not.toContain(secret);
    expect(JSON.stringify(await witness.events())).not.toContain(secret);
  });

  test.each([
    ['environments:manage', { create: 201, acquire: 403, list: 200, projections: 403 }],
    ['leases:acquire', { create: 403, acquire: 201, list: 403, projections: 403 }],
    ['leases:operate', { create: 403, acquire: 403, list: 200, projections: 403 }],
    ['audit:read', { create: 403, acquire: 403, list: 200, projections: 403 }],
    // An admin of some companies is none of the service.
    ['admin', { create: 201, acquire: 201, list: 200, projections: 403 }],
  ])('%s allows what it says and no more', async (permission, allowed) => {
    const { value } = await make({ companies: [ours], permissions: [permission] });
    const status = async (method: 'GET' | 'POST', path: string, body?: object): Promise<number> =>
      (await service.api.send(method, path, body, bearer(value))).status;
    const sandbox = { name: permission, driver: 'sandbox', config: { provider: 'fake' } };
    expect({
      create: await status('POST', `/api/companies/${ours}/environments`, sandbox),
      acquire: await status('POST', `/api/companies/${ours}/leases`, {}),
      list: await status('GET', `/api/companies/${ours}/leases`),
      projections: await status('GET', '/api/projections'),
    }).toEqual(allowed);
  });

  test('who may not manage sees no config and no metadata, whatever the answer, a repeated one too', async () => {
    const manager = bearer((await make({ companies: [ours], permissions: ['environments:manage'] })).value);
    const { id: tokenId, value } = await make({ companies: [ours], permissions: ['leases:acquire'] });
    const runner = bearer(value);
    const sandbox = { name: 'S', driver: 'sandbox', config: { provider: 'fake' }, metadata: { a: 1 } };
    const path = `/api/companies/${ours}/environments`;
    const made = await service.api.expect<{ id: string }>(201, 'POST', path, sandbox, manager);
    const redacted = { config: {}, metadata: null, configRedacted: true, metadataRedacted: true };

    const get = `/api/environments/${made.id}`;
    expect(await service.api.expect(200, 'GET', get, undefined, runner)).toMatchObject(redacted);
    expect(await service.api.expect(200, 'GET', get, undefined, manager)).toEqual(made);
    const list = await service.api.expect<object[]>(200, 'GET', path, undefined, runner);
    for (const one of list) expect(one).toMatchObject(redacted);

    const acquire = { environmentId: made.id, heartbeatRunId: randomUUID() };
    const keyed = { 'idempotency-key': randomUUID() };
    const leases = `/api/companies/${ours}/leases`;
    const all = await service.api.expect<{ environment: object; lease: { id: string } }>(201, 'POST', leases, acquire, {
      ...admin,
      ...keyed,
    });
    expect(all.environment).toMatchObject({ metadata: { a: 1 } });
    const repeated = await service.api.expect(201, 'POST', leases, acquire, { ...runner, ...keyed });
    expect(repeated).toMatchObject({ environment: redacted, lease: { id: all.lease.id } });
    const ended = `/api/environment-leases/${all.lease.id}/release`;
    expect(await service.api.expect(200, 'POST', ended, {}, runner)).toMatchObject({ environment: redacted });
    await service.api.expect(403, 'GET', `/api/environments/${made.id}/leases`, undefined, runner);
    expect((await witness.events()).some(({ actor }) => actor === `token:${tokenId}`)).toBe(true);
  });

  test('another company’s is answered exactly as what is not there', async () => {
    const { value } = await make({ companies: [theirs], permissions: ['admin'] });
    const environment = await service.api.expect<{ id: string }>(
      201,
      'POST',
      `/api/companies/${ours}/environments`,
      { name: 'X', driver: 'sandbox', config: { provider: 'fake' } },
      admin,
    );
    const bodyOf = async (id: string): Promise<object> => {
      const {
        requestId: _,
        instance: __,
        ...rest
      } = await service.api.expect<Problem>(404, 'GET', `/api/environments/${id}`, undefined, bearer(value));
      return rest;
    };
    expect(await bodyOf(environment.id)).toEqual(await bodyOf(randomUUID()));
    expect(await bodyOf(environment.id.toUpperCase())).toMatchObject({ code: 'environment_not_found' });
  });
});
