import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TokenJson } from '../../../src/domain/access/token-json.js';
import type { AuditHead } from '../../../src/audit/seals/audit-trail.js';
import { trustedKeys } from '../../../src/audit/seals/public-keys.js';
import { verifyExport } from '../../../src/audit/seals/verify-export.js';
import { verifyProof, type LeaseProof } from '../../../src/audit/seals/verify-proof.js';
import type { Environment } from '../../../src/domain/environments/state.js';
import { serve, type Service } from '../../support/service.js';

type Made = TokenJson & { readonly value: string };
type Headers = Record<string, string>;

const IMAGE = 'private-image:7';
const NOTE = 'private-note-7';
const companyId = randomUUID();
let service: Service;
let admin: Headers;
let reader: Headers;
let probed: string;
let leased: string;
let leaseId: string;
let trusted: ReturnType<typeof trustedKeys>;

beforeAll(async () => {
  service = await serve({ LEASEHOLD_SEAL_EVERY_MS: '20' });
  const { api } = service;
  const token = async (permissions: string[], before?: Headers): Promise<Headers> => {
    const wanted = { name: 'test', companies: null, permissions };
    const { value } = await api.expect<Made>(201, 'POST', '/api/tokens', wanted, before);
    return { authorization: `Bearer ${value}` };
  };
  admin = await token(['admin']);
  reader = await token(['audit:read', 'leases:operate'], admin);
  const environment = async (config: object, metadata: object | null): Promise<string> => {
    const body = { name: 'E', driver: 'sandbox', config: { provider: 'fake', ...config }, metadata };
    return (await api.expect<Environment>(201, 'POST', `/api/companies/${companyId}/environments`, body, admin)).id;
  };
  probed = await environment({ image: IMAGE }, { note: NOTE });
  await api.expect(200, 'POST', `/api/environments/${probed}/probe`, {}, admin);
  leased = await environment({}, { note: NOTE });
  const wish = { environmentId: leased, leasePolicy: 'reuse_by_environment' };
  leaseId = (await api.acquire(companyId, wish, admin)).lease.id;
  await api.expect(200, 'POST', `/api/environment-leases/${leaseId}/release`, {}, admin);
  for (;;) {
    const head = await api.expect<AuditHead>(200, 'GET', '/api/audit/head', undefined, admin);
    trusted = trustedKeys(head.publicKeys.map(({ publicKey }) => publicKey));
    if (head.position > 0 && head.unsealedEvents === 0) break;
    await pause(20);
  }
});
afterAll(() => service?.close());

async function read(path: string, headers: Headers): Promise<string> {
  const answer = await fetch(service.api.url + path, { headers });
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.text();
}

const READERS = (): string[] => [
  `/api/companies/${companyId}/events?limit=500`,
  `/api/environments/${probed}`,
  `/api/environments/${probed}/timeline`,
  `/api/environments/${probed}/why`,
  `/api/environments/${probed}/diff?from=1`,
  `/api/environment-leases/${leaseId}/bundle`,
  `/api/environment-leases/${leaseId}/timeline`,
  `/api/environment-leases/${leaseId}/proof`,
  '/api/audit/export',
];

describe('L1: who may not see configs sees none of one, wherever it asks', () => {
  test('nor what was made of one: teardowns, digests, and what a probe says of it', async () => {
    for (const path of READERS()) {
      const text = await read(path, reader);
      for (const part of [IMAGE, NOTE, '"teardown": {"', '"teardown":{"', '"fingerprint": {"', '"fingerprint":{"']) {
        expect([path, part, text.includes(part)]).toEqual([path, part, false]);
      }
    }
    // They are there for who may.
    const texts = await Promise.all(READERS().map((path) => read(path, admin)));
    for (const part of [IMAGE, NOTE, '"teardown": {"']) expect(texts.some((text) => text.includes(part))).toBe(true);
  });

  test('a proof without them still proves that those events are in the sealed log, and no others', async () => {
    const proof = JSON.parse(await read(`/api/environment-leases/${leaseId}/proof`, reader)) as LeaseProof;
    const held = proof.events.filter(({ event }) => event === null);
    expect([held.length > 0, held.length < proof.events.length]).toEqual([true, true]);
    expect(verifyProof(proof, trusted)).toEqual([]);
    const forged = proof.events.map((one) => ({ ...one, leafHash: one.leafHash.replace(/^../, '00') }));
    expect(verifyProof({ ...proof, events: forged }, trusted)).toHaveLength(held.length);
    const whole = JSON.parse(await read(`/api/environment-leases/${leaseId}/proof`, admin)) as LeaseProof;
    expect(whole.events.every(({ event }) => event !== null)).toBe(true);
    expect(whole.events.map(({ leafHash }) => leafHash)).toEqual(proof.events.map(({ leafHash }) => leafHash));
  });

  test('an export without them is verified as it is, and what is forged in it is found', async () => {
    const text = await read('/api/audit/export', reader);
    const check = async (lines: string): Promise<unknown> => {
      const stream = (async function* () {
        yield* await Promise.resolve(lines.trimEnd().split('\n'));
      })();
      return (await verifyExport(stream, trusted, [])).findings.map(({ kind }) => kind);
    };
    expect(text).toMatch(/"leafHash":"[\da-f]{64}"/);
    expect(await check(text)).toEqual([]);
    expect(await check(text.replace(/"leafHash":"../, '"leafHash":"00'))).toEqual(['changed_event']);
  });
});
