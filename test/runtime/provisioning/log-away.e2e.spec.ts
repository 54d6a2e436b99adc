import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type {
  Acquisition,
  EffectRequest,
  ExecutionResult,
  ReleaseOutcome,
  ReleaseRequest,
} from '../../../src/domain/driver-contract/runtime-driver.js';
import type { FeedEvent } from '../../../src/audit/feed/event-frames.js';
import type { LeaseJson } from '../../../src/domain/leases/lease-json.js';
import type { Acquired } from '../../support/api.js';
import { FolderDriver } from '../../support/folder-driver.js';
import { serve, type Service } from '../../support/service.js';

type Call = 'acquire' | 'execute' | 'release';

/** Whose answers each find the service's connections to the database gone, the first time that it is asked. */
class CuttingDriver extends FolderDriver {
  override readonly capabilities = {
    supportsRunExecution: true,
    supportsSavedProbe: false,
    supportsUnsavedProbe: false,
    supportsReusableLeases: false,
  };
  readonly cut = new Set<Call>();

  override async acquire(request: EffectRequest): Promise<Acquisition> {
    const acquisition = await super.acquire(request);
    this.cutOnce('acquire');
    return acquisition;
  }

  override async release(request: ReleaseRequest): Promise<ReleaseOutcome> {
    const outcome = await super.release(request);
    this.cutOnce('release');
    return outcome;
  }

  override execute(): Promise<ExecutionResult> {
    this.cutOnce('execute');
    return Promise.resolve({ exitCode: 0, signal: null, timedOut: false });
  }

  private cutOnce(call: Call): void {
    if (this.cut.has(call)) return;
    this.cut.add(call);
    endConnections();
  }
}

/** In a process of its own, while this one stands still: the service finds them gone only when it uses them. */
function endConnections(): void {
  const script = `import pg from 'pg';
    const client = new pg.Client(JSON.parse(process.argv[1]));
    await client.connect();
    await client.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    await client.end();`;
  execFileSync(process.execPath, ['--input-type=module', '--eval', script, JSON.stringify(service.connection)]);
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

let root: string;
let driver: CuttingDriver;
let service: Service;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'leasehold-test-folders-'));
  driver = new CuttingDriver(root);
  // The queue loses the job too, and gives it out again when its lock is over.
  service = await serve({ LEASEHOLD_WORKER_LOCK_MS: '1000' }, [driver]);
});
afterAll(async () => {
  await service?.close();
  await rm(root, { recursive: true, force: true });
});

async function until(leaseId: string, reached: (lease: LeaseJson) => boolean): Promise<LeaseJson> {
  for (;;) {
    const { status, body } = await service.api.send<LeaseJson>('GET', `/api/environment-leases/${leaseId}`);
    if (status === 200 && reached(body)) return body;
    await pause();
  }
}

async function eventsOf(companyId: string, leaseId: string): Promise<FeedEvent[]> {
  const { body } = await service.api.send<{ items?: FeedEvent[] }>(
    'GET',
    `/api/companies/${companyId}/events?leaseId=${leaseId}`,
  );
  return body.items ?? [];
}

test('that the log is away when a driver has answered is no failure of the driver', async () => {
  const companyId = randomUUID();
  const wish = { name: 'Folders', driver: 'sandbox', config: { provider: 'folder' } };
  const { id: environmentId } = await service.api.createEnvironment(companyId, wish);
  const path = `/api/companies/${companyId}/leases`;
  const { body } = await service.api.send<Acquired>('POST', path, { environmentId }, { Prefer: 'wait=0' });
  const { id } = body.lease;
  const made = await until(id, ({ status }) => !['queued', 'provisioning'].includes(status));
  expect([made.status, await readFile(join(root, 'made'), 'utf8')]).toEqual(['active', `${id}\n`]);

  // How a command ended is not known where it could not be recorded: its caller hears that, and so does the log.
  const command = await service.api.send('POST', `/api/environment-leases/${id}/execute`, { command: 'true' });
  expect(command).toMatchObject({ status: 503, body: { code: 'database_unavailable' } });
  const end = /^Execution(Finished|Failed)$/;
  while (!(await eventsOf(companyId, id)).some(({ type }) => end.test(type))) await pause();

  await service.api.send('POST', `/api/environment-leases/${id}/release`, {}, { Prefer: 'wait=0' });
  await until(id, ({ cleanupStatus }) => cleanupStatus === 'success');
  const events = await eventsOf(companyId, id);
  expect(events.filter(({ type }) => type.includes('Failed'))).toMatchObject([
    { type: 'ExecutionFailed', data: { reasonCode: 'process_lost' } },
  ]);
  expect([...driver.cut]).toEqual(['acquire', 'execute', 'release']);
}, 120_000);
