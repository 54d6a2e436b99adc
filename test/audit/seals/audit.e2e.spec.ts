import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AuditHead } from '../../../src/audit/seals/audit-trail.js';
import { parseSeal } from '../../../src/audit/seals/seal.js';
import type { Verification } from '../../../src/audit/seals/verification.js';
import type { LeaseProof } from '../../../src/audit/seals/verify-proof.js';
import { leasehold } from '../../support/cli.js';
import { Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';

let service: Service;
let witness: Witness;
let folder: string;
const companyId = randomUUID();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leasehold-test-audit-'));
  service = await serve({ LEASEHOLD_SEALS_FILE: join(folder, 'seals.ndjson'), LEASEHOLD_SEAL_EVERY_MS: '50' });
  witness = await Witness.of(service.connection);
});
afterAll(async () => {
  await witness?.close();
  await service?.close();
  await rm(folder, { recursive: true, force: true });
});

async function live(): Promise<string> {
  const { lease } = await service.api.acquire(companyId);
  await service.api.release(lease.id);
  return lease.id;
}

const head = (): Promise<AuditHead> => service.api.expect(200, 'GET', '/api/audit/head');
const verify = (body: object = {}): Promise<Verification> => service.api.expect(200, 'POST', '/api/audit/verify', body);

async function sealed(): Promise<AuditHead> {
  for (;;) {
    const now = await head();
    if (now.position > 0 && now.unsealedEvents === 0) return now;
    await pause(20);
  }
}

const file = async (name: string, text: string): Promise<string> => {
  await writeFile(join(folder, name), text);
  return join(folder, name);
};

async function publicKey(): Promise<string> {
  return file('key.pem', (await head()).publicKeys[0]?.publicKey ?? '');
}

const cli = (...args: string[]) => leasehold({ LEASEHOLD_URL: service.api.url }, ...args);

describe('the log', () => {
  test('is sealed as it grows, and verified', async () => {
    await live();
    const { seal, position } = await sealed();
    expect(seal?.toPosition).toBe(position);
    expect(await verify()).toMatchObject({ ok: true, events: position, unsealedEvents: 0, findings: [] });
  });

  test('seals are in the file outside of the database as they are made', async () => {
    await live();
    const { seal } = await sealed();
    const lines = async (): Promise<string[]> =>
      (await readFile(join(folder, 'seals.ndjson'), 'utf8')).trim().split('\n');
    while ((await lines()).length < (seal?.number ?? 0)) await pause(20);
    const seals = (await lines()).map((line) => parseSeal(JSON.parse(line)));
    expect(seals.at(-1)).toEqual(seal);
  });

  test('is exported, and the export is verified without a service and with the public key alone', async () => {
    await live();
    await sealed();
    const exported = join(folder, 'log.ndjson');
    expect(await cli('audit', 'export', exported)).toMatchObject({ code: 0 });
    const key = await publicKey();
    // No settings: nothing of a service is known here.
    const offline = (name: string) => leasehold({}, 'audit', 'verify-export', name, '--public-key', key, '--json');
    const { code, out } = await offline(exported);
    expect([code, (JSON.parse(out) as Verification).findings]).toEqual([0, []]);

    const text = await readFile(exported, 'utf8');
    const changed = await offline(await file('changed.ndjson', text.replace('operator:local', 'operator:other')));
    expect([changed.code, (JSON.parse(changed.out) as Verification).findings]).toMatchObject([
      1,
      [{ kind: 'changed_event' }],
    ]);
    expect((await offline(await file('nothing.ndjson', 'nothing\n'))).code).toBe(2);
  });

  test('a lease is proven to be in it, without a service too', async () => {
    const leaseId = await live();
    await sealed();
    const proof = await service.api.expect<LeaseProof>(200, 'GET', `/api/environment-leases/${leaseId}/proof`);
    expect(proof.events.length).toBeGreaterThan(3);
    expect(proof.events.every((event) => event.proof !== null)).toBe(true);
    const key = await publicKey();
    const check = async (name: string, text: string) =>
      (await leasehold({}, 'audit', 'verify-proof', await file(name, text), '--public-key', key)).code;
    const text = JSON.stringify(proof);
    expect(await check('proof.json', text)).toBe(0);
    expect(await check('forged.json', text.replace('operator:local', 'operator:other'))).toBe(1);
  });

  test('that was tampered with is said to be, by the service and by the command line: exit code 1', async () => {
    const leaseId = await live();
    const kept = await sealed();
    const known = await file('head.json', JSON.stringify(kept));
    expect(await cli('audit', 'verify', '--known-head', known)).toMatchObject({ code: 0 });
    await witness.query(`UPDATE events SET actor = 'operator:other' WHERE stream = 'lease-${leaseId}' AND version = 2`);
    const found = await verify();
    expect(found).toMatchObject({ ok: false, findings: [{ kind: 'changed_event' }] });
    const { code, out, err } = await cli('audit', 'verify');
    expect([code, err]).toEqual([1, 'The log does not match its seals.\n']);
    expect(out).toContain(`Event ${found.findings[0]?.position} was changed after it was sealed.`);
    await witness.query(`UPDATE events SET actor = 'operator:local' WHERE stream = 'lease-${leaseId}' AND version = 2`);
    expect(await verify({ knownHead: kept.seal })).toMatchObject({ ok: true });
  });

  test.each([[{ from: 0 }], [{ to: 'x' }], [{ knownHead: { number: 1 } }], [{ other: 1 }]])(
    'a request to verify %j is refused',
    async (body) => {
      const { status, body: problem } = await service.api.send<{ code: string }>('POST', '/api/audit/verify', body);
      expect([status, problem.code]).toEqual([400, 'validation_failed']);
    },
  );
});
