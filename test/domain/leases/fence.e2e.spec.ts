import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LeaseJson } from '../../../src/domain/leases/lease-json.js';
import type { TimelinePage } from '../../../src/audit/history/http/history-queries.js';
import { serve, type Service } from '../../support/service.js';

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly examples?: object }>> }>
  >;
}

/** A command on a lease as the document has it. */
interface LeaseCommand {
  readonly method: 'POST' | 'PATCH' | 'DELETE';
  /** What it is recorded as: its path behind the lease. */
  readonly name: string;
  readonly operation: Operation;
}

const OF_LEASE = '/api/environment-leases/{leaseId}/';
const FENCE_CODES = ['stale_fence', 'fence_mismatch', 'fence_required'];

let service: Service;
let home: string;
let commands: readonly LeaseCommand[];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-fence-`));
  service = await serve({ LEASEHOLD_DATA_DIR: join(home, 'data') });
  const { paths } = await service.api.expect<{ paths: Record<string, Record<string, Operation>> }>(
    200,
    'GET',
    '/api/openapi.json',
  );
  commands = Object.entries(paths)
    .filter(([path]) => path.startsWith(OF_LEASE))
    .flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([method]) => method !== 'get')
        .map(([method, operation]) => ({
          method: method.toUpperCase() as LeaseCommand['method'],
          name: path.slice(OF_LEASE.length),
          operation,
        })),
    );
});
afterAll(async () => {
  await service?.close();
  await rm(home, { recursive: true, force: true });
});

const pathOf = ({ id }: LeaseJson, { name }: LeaseCommand): string => `/api/environment-leases/${id}/${name}`;
const send = (
  lease: LeaseJson,
  command: LeaseCommand,
  fence: number | string | null,
  body: object = {},
): Promise<{ status: number; body: { code: string; detail: string } }> =>
  service.api.send(
    command.method,
    pathOf(lease, command),
    body,
    fence === null ? {} : { 'x-lease-fence': String(fence) },
  );
const named = (name: string): LeaseCommand => {
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) throw new Error(`The document has no ${name}.`);
  return command;
};
const refusalsOf = async ({ id }: LeaseJson): Promise<unknown[]> => {
  const { items } = await service.api.expect<TimelinePage>(200, 'GET', `/api/environment-leases/${id}/timeline`);
  return items.filter(({ type }) => type === 'StaleFenceRefused').map(({ sentence }) => sentence);
};

test('the document has the header and the refusals on every command of a lease, and on nothing else', async () => {
  expect(commands.map(({ name }) => name)).toEqual(expect.arrayContaining(['release', 'execute', 'cleanup/retry']));
  for (const { operation } of commands) {
    expect(operation.parameters).toContainEqual(expect.objectContaining({ in: 'header', name: 'X-Lease-Fence' }));
    for (const [status, codes] of [['409', FENCE_CODES.slice(0, 2)] as const, ['428', FENCE_CODES.slice(2)] as const]) {
      const [content] = Object.values(operation.responses[status]?.content ?? {});
      expect(Object.keys(content?.examples ?? {})).toEqual(expect.arrayContaining([...codes]));
    }
  }
  const document = JSON.stringify(await service.api.expect(200, 'GET', '/api/openapi.json'));
  expect(document.split('"X-Lease-Fence"')).toHaveLength(commands.length + 1);
});

const DRIVERS = [
  ['local', { driver: 'local' }, {}],
  ['bubblewrap', { driver: 'sandbox', config: { provider: 'bubblewrap' } }, { leasePolicy: 'reuse_by_environment' }],
] as const;

describe.each(DRIVERS)('after a takeover, on %s', (driver, wish, policy) => {
  /** Nobody but its own caller runs commands on this machine. */
  const runs = driver !== 'local';
  let environmentId: string;
  let first: LeaseJson;
  let second: LeaseJson;

  beforeAll(async () => {
    const companyId = randomUUID();
    ({ id: environmentId } = await service.api.createEnvironment(companyId, { name: 'Shared', ...wish }));
    const acquire = async () => (await service.api.acquire(companyId, { environmentId, ...policy })).lease;
    first = await acquire();
    await service.api.release(first.id);
    second = await acquire();
    if (driver === 'bubblewrap') expect(second.reusedLeaseId).toBe(first.id);
    expect(first.fence).toBeLessThan(second.fence);
  });

  test('every command of the first holder is refused, and that is recorded once', async () => {
    for (const command of commands) {
      for (let time = 0; time < 2; time += 1) {
        expect(await send(second, command, first.fence)).toMatchObject({
          status: 409,
          body: {
            code: 'stale_fence',
            detail: `The fence is that of an earlier holder: it is ${first.fence}, and the lease’s is ${second.fence}.`,
          },
        });
      }
    }
    expect(await refusalsOf(second)).toEqual([
      `Refused ${commands[0]?.name}: it came with fence ${first.fence}, of an earlier holder (stale_fence).`,
    ]);
    const after = await service.api.lease(second.id);
    expect(after).toMatchObject({ status: 'active', version: second.version + 1, lastUsedAt: second.lastUsedAt });
  });

  test('a fence that is not the lease’s, or none at all, is refused and leaves no trace', async () => {
    const before = await service.api.lease(second.id);
    for (const command of commands) {
      expect(await send(second, command, second.fence + 1)).toMatchObject({
        status: 409,
        body: { code: 'fence_mismatch' },
      });
      for (const fence of ['0', '-1', '1.5', 'abc', '9'.repeat(30)]) {
        expect(await send(second, command, fence)).toMatchObject({
          status: 400,
          body: { code: 'validation_failed', errors: [{ field: 'X-Lease-Fence' }] },
        });
      }
    }
    expect(await service.api.lease(second.id)).toEqual(before);
  });

  test('what the first holder does with its own lease reaches nothing of the second', async () => {
    expect((await send(first, named('execute'), first.fence, { command: 'true' })).status).toBe(runs ? 409 : 422);
    expect((await send(first, named('release'), first.fence)).status).toBe(200);
    expect((await send(first, named('destroy'), first.fence)).status).toBe(409);
    expect(await service.api.lease(second.id)).toMatchObject({ status: 'active' });
  });

  test('an environment that requires the fence takes no command without it, from now on', async () => {
    await service.api.patchEnvironment(environmentId, { requireFence: true });
    for (const command of commands) {
      expect(await send(second, command, null)).toMatchObject({ status: 428, body: { code: 'fence_required' } });
    }
    expect((await send(second, named('execute'), second.fence, { command: 'true' })).status).toBe(runs ? 200 : 422);
    for (const command of commands) {
      const { body } = await send(first, command, first.fence, { command: 'true' });
      expect(FENCE_CODES).not.toContain(body.code);
    }
    expect(await send(second, named('release'), second.fence)).toMatchObject({ status: 200 });
  });
});

test('fence after fence, the log keeps ten refusals of a lease', async () => {
  const { lease } = await service.api.acquire(randomUUID());
  expect(lease.fence).toBeGreaterThan(15);
  const fences = Array.from({ length: 15 }, (_, index) => index + 1);
  const answers = await Promise.all(fences.map((fence) => send(lease, named('release'), fence)));
  expect(answers.map(({ status, body }) => [status, body.code])).toEqual(fences.map(() => [409, 'stale_fence']));
  expect(await refusalsOf(lease)).toHaveLength(10);
});

test('a command with the fence of an earlier holder does not use up its Idempotency-Key', async () => {
  const { lease } = await service.api.acquire(randomUUID());
  const path = `/api/environment-leases/${lease.id}/release`;
  const key = { 'idempotency-key': randomUUID() };
  const stale = { ...key, 'x-lease-fence': String(lease.fence - 1) };
  expect(await service.api.problem(409, 'POST', path, {}, stale)).toMatchObject({ code: 'stale_fence' });
  const released = await service.api.release(lease.id, {}, { ...key, 'x-lease-fence': String(lease.fence) });
  expect(released.lease.status).toBe('released');
});

test('what is not there is not found before any fence is looked at', async () => {
  for (const command of commands) {
    const path = `/api/environment-leases/${randomUUID()}/${command.name}`;
    expect((await service.api.send(command.method, path, {}, { 'x-lease-fence': '1' })).status).toBe(404);
  }
});
