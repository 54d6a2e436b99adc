import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { TokenJson } from '../../../src/domain/access/token-json.js';
import type { Finding, Verification } from '../../../src/audit/seals/verification.js';
import { Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';

type Made = TokenJson & { readonly value: string };

let service: Service;
let witness: Witness;
let admin: Record<string, string>;
let token: Made;
let revoked: Made;
const company = randomUUID();

const make = (wanted: object): Promise<Made> =>
  service.api.expect(201, 'POST', '/api/tokens', { companies: null, permissions: ['admin'], ...wanted }, admin);

beforeAll(async () => {
  service = await serve();
  witness = await Witness.of(service.connection);
  admin = { authorization: `Bearer ${(await make({ name: 'admin' })).value}` };
});
beforeEach(async () => {
  const wanted = { name: 'CI', companies: [company, randomUUID()], permissions: ['leases:acquire', 'audit:read'] };
  token = await make({ ...wanted, expiresAt: '2100-01-01T00:00:00+02:00' });
  revoked = await make({ name: 'old' });
  await service.api.expect(200, 'DELETE', `/api/tokens/${revoked.id}`, undefined, admin);
});
afterAll(async () => {
  await witness?.close();
  await service?.close();
});

const found = async (): Promise<readonly Finding[]> => {
  const { ok, findings } = await service.api.expect<Verification>(200, 'POST', '/api/audit/verify', {}, admin);
  expect(ok).toBe(findings.length === 0);
  return findings;
};

describe('L13: a verification compares tokens with their events', () => {
  test('nothing is found of tokens that were made and revoked as they should be', async () => {
    await service.api.send('GET', '/api/tokens', undefined, admin);
    expect(await found()).toEqual([]);
  });

  test('a row that no event made, and a token whose row is gone', async () => {
    const id = randomUUID();
    await witness.query(`INSERT INTO access_tokens (id, hash, name, permissions, created_at)
      VALUES ('${id}', '\\x00', 'sneaked in', '{admin}', now())`);
    expect(await found()).toMatchObject([{ kind: 'unknown_token', detail: expect.stringContaining(id) }]);
    await witness.query(`DELETE FROM access_tokens WHERE id = '${id}'`);
    await witness.query(`CREATE TEMP TABLE taken AS SELECT * FROM access_tokens WHERE id = '${token.id}'`);
    await witness.query(`DELETE FROM access_tokens WHERE id = '${token.id}'`);
    expect(await found()).toMatchObject([{ kind: 'missing_token', detail: expect.stringContaining(token.id) }]);
    await witness.query(`INSERT INTO access_tokens SELECT * FROM taken`);
    expect(await found()).toEqual([]);
  });

  test.each([
    ['permissions', `permissions = '{admin}'`, `permissions = '{leases:acquire,audit:read}'`],
    ['permissions', `permissions = permissions || '{admin}'`, `permissions = '{audit:read,leases:acquire}'`],
    ['companies', `companies = NULL`, null],
    ['companies', `companies = companies || gen_random_uuid()`, null],
    ['expiresAt', `expires_at = NULL`, `expires_at = '2100-01-01T00:00:00+02:00'`],
    ['expiresAt', `expires_at = expires_at + interval '1 ms'`, `expires_at = '2099-12-31T22:00:00Z'`],
    ['name', `name = 'other'`, `name = 'CI'`],
    ['revokedAt', `revoked_at = now()`, `revoked_at = NULL`],
  ])('%s by %s', async (field, change, back) => {
    await witness.query(`UPDATE access_tokens SET ${change} WHERE id = '${token.id}'`);
    const [finding, ...more] = await found();
    expect([finding?.kind, more]).toEqual(['changed_token', []]);
    expect(finding?.detail).toContain(token.id);
    expect(finding?.detail).toContain(`: ${field}`);
    const companies = `companies = '{${token.companies?.join() ?? ''}}'`;
    await witness.query(`UPDATE access_tokens SET ${back ?? companies} WHERE id = '${token.id}'`);
    expect(await found()).toEqual([]);
  });

  test('a revocation that was undone', async () => {
    await witness.query(`UPDATE access_tokens SET revoked_at = NULL WHERE id = '${revoked.id}'`);
    expect(await found()).toMatchObject([{ kind: 'changed_token', detail: expect.stringContaining('was revoked') }]);
    await witness.query(`UPDATE access_tokens SET revoked_at = now() WHERE id = '${revoked.id}'`);
  });
});
