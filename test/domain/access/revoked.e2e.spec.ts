import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TokenJson } from '../../../src/domain/access/token-json.js';
import { SandboxesUnderTest } from '../../runtime/drivers/bubblewrap/sandbox-under-test.js';
import type { LeasePage } from '../../support/api.js';
import { FolderDriver } from '../../support/folder-driver.js';
import { until } from '../../support/projections.js';
import { serve, type Service } from '../../support/service.js';
import { begun, gone, unusedSeconds } from '../../support/sleeping.js';

type Made = TokenJson & { readonly value: string };

let service: Service;
let sandboxes: SandboxesUnderTest;
let admin: Record<string, string>;
let leaseId: string;
let folderId: string;
let folder: string;
const companyId = randomUUID();
const bearer = (value: string): Record<string, string> => ({ authorization: `Bearer ${value}` });

beforeAll(async () => {
  sandboxes = await SandboxesUnderTest.start();
  folder = await mkdtemp(join(tmpdir(), 'leasehold-test-revoked-'));
  const slow = new FolderDriver(folder);
  slow.meanwhile = async (call, _leaseId, signal) => {
    if (call === 'acquire') await once(signal, 'abort');
  };
  service = await serve({ LEASEHOLD_DATA_DIR: sandboxes.dataDir }, [slow]);
  admin = bearer((await make({})).value);
  const environments = `/api/companies/${companyId}/environments`;
  const environment = (name: string, provider: string): Promise<{ id: string }> =>
    service.api.expect(201, 'POST', environments, { name, driver: 'sandbox', config: { provider } }, admin);
  folderId = (await environment('slow', 'folder')).id;
  const { id: environmentId } = await environment('sandbox', 'bubblewrap');
  leaseId = (await service.api.acquire(companyId, { environmentId }, admin)).lease.id;
});
afterAll(async () => {
  await service?.close();
  await sandboxes?.stop({ leasesAreLive: true });
  await rm(folder, { recursive: true, force: true });
});

function make(wanted: object): Promise<Made> {
  const token = { name: 'test', companies: null, permissions: ['admin'], ...wanted };
  return service.api.expect(201, 'POST', '/api/tokens', token, admin);
}

/** Sends a request that takes long; its answer, as far as it comes. */
function ask(token: Made, method: string, path: string, headers: object = {}): ClientRequest {
  const asked = request(service.api.url + path, {
    method,
    headers: { ...bearer(token.value), 'content-type': 'application/json', ...headers },
    agent: false,
  });
  return asked.on('error', () => undefined);
}

async function answerOf(asked: ClientRequest): Promise<{ status: number; body: string; whole: boolean }> {
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const body = await text(response).catch(() => '');
  return { status: response.statusCode ?? 0, body, whole: response.complete };
}

const revoke = (token: Made): Promise<unknown> =>
  service.api.expect(200, 'DELETE', `/api/tokens/${token.id}`, undefined, admin);
const execute = (): string => `/api/environment-leases/${leaseId}/execute`;
const sleep = (seconds: string): string => JSON.stringify({ command: 'sleep', args: [seconds] });

describe('L3: what a token began ends with it', () => {
  test('a command whose caller waits for its end, and one whose output streams', async () => {
    const token = await make({});
    const [one, other] = [unusedSeconds(), unusedSeconds()];
    const waiting = answerOf(ask(token, 'POST', execute()).end(sleep(one)));
    const streaming = answerOf(ask(token, 'POST', execute(), { accept: 'text/event-stream' }).end(sleep(other)));
    await Promise.all([begun(one), begun(other)]);
    await revoke(token);
    await Promise.all([gone(one), gone(other)]);
    const refused = await waiting;
    expect([refused.status, refused.whole, (JSON.parse(refused.body) as { code: string }).code]).toEqual([
      401,
      true,
      'unauthenticated',
    ]);
    expect(await streaming).toMatchObject({ status: 200, whole: false });
  });

  test('of one that expires too', async () => {
    const token = await make({ expiresAt: new Date(Date.now() + 2_500).toISOString() });
    const seconds = unusedSeconds();
    const waiting = answerOf(ask(token, 'POST', execute()).end(sleep(seconds)));
    await begun(seconds);
    await gone(seconds);
    expect((await waiting).status).toBe(401);
  });

  test('a stream of events, a wait for a lease, and an archive that is being sent', async () => {
    const token = await make({});
    const feed = answerOf(ask(token, 'GET', `/api/companies/${companyId}/events/stream`).end());
    const wish = JSON.stringify({ environmentId: folderId });
    const leases = `/api/companies/${companyId}/leases`;
    const wait = answerOf(ask(token, 'POST', leases, { prefer: 'wait=60' }).end(wish));
    const sending = ask(token, 'POST', `/api/environment-leases/${leaseId}/sync-in`, {
      'content-type': 'application/x-tar',
      'content-length': 1_000_000,
    });
    const closed = once(sending, 'close');
    sending.write(Buffer.alloc(512));
    const sent = answerOf(sending);
    // Long enough that none of them is over in a moment anyway.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await revoke(token);
    expect(await feed).toMatchObject({ status: 200, whole: false });
    expect((await wait).status).toBe(401);
    expect((await sent).status).toBe(401);
    await closed;
    // Nobody was told of the lease.
    await until(async () => {
      const { items } = await service.api.expect<LeasePage>(200, 'GET', leases, undefined, admin);
      return items.some((lease) => lease.environmentId === folderId && lease.reasonCode === 'caller_gone');
    });
  });

  test('but not what other tokens began, nor the revocation of one’s own', async () => {
    const [token, other] = [await make({}), await make({})];
    const waiting = answerOf(ask(other, 'POST', execute()).end(JSON.stringify({ command: 'sleep', args: ['4'] })));
    const own = await service.api.send('DELETE', `/api/tokens/${token.id}`, undefined, bearer(token.value));
    expect(own.status).toBe(200);
    expect((await waiting).status).toBe(200);
  });
});
