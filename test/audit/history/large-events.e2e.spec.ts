import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import { EVENT_DEFINITIONS } from '../../../src/app/event-definitions.js';
import { environmentStream } from '../../../src/domain/environments/events.js';
import { EventCatalogue } from '../../../src/event-sourcing/event-log/index.js';
import { append, write } from '../../event-sourcing/event-log/appends.js';
import { openLog } from '../../support/event-log.js';
import { ServiceHome, type ServiceProcess } from '../../support/service.js';

const CHANGES = 40;
const LARGE = 900_000;
/** MiB of its heap: less than all that the environment has been. */
const SETTINGS = { NODE_OPTIONS: '--max-old-space-size=80' };

let home: ServiceHome;
let service: ServiceProcess;
const companyId = randomUUID();
let environmentId: string;
let leaseId: string;
beforeAll(async () => {
  home = await ServiceHome.make();
  service = await home.start(SETTINGS);
  ({ id: environmentId } = await service.api.createSandbox(companyId));
  ({ id: leaseId } = (await service.api.acquire(companyId, { environmentId })).lease);
  await change();
});
afterAll(() => home?.close());

/** As another process does: by HTTP it takes a minute. */
async function change(): Promise<void> {
  const open = openLog(await home.connection(), {}, new EventCatalogue(EVENT_DEFINITIONS));
  for (let version = 1; version <= CHANGES; version += 1) {
    const data = { metadata: { text: String(version).padEnd(LARGE, 'x') } };
    const events = [{ id: uuidv7(), type: 'EnvironmentChanged', schemaVersion: 1, data }];
    const writes = [write(environmentStream(environmentId), version, { category: 'environment', events })];
    expect((await open.log.append(append(writes, { companyId }))).kind).toBe('ok');
  }
  await open.close();
}

/** How many bytes are answered. */
async function bytesOf(path: string): Promise<number> {
  const response = await fetch(service.url + path);
  expect(response.status).toBe(200);
  let bytes = 0;
  for await (const chunk of response.body ?? []) bytes += (chunk as Uint8Array).length;
  return bytes;
}

test('H3: a history that is larger than the memory is told, page by page or in pieces', async () => {
  const environment = `/api/environments/${environmentId}`;
  const { chain } = await service.api.expect<{ chain: object[] }>(200, 'GET', `${environment}/why`);
  expect(chain).toHaveLength(CHANGES + 1);
  const { items, nextCursor } = await service.api.expect<{ items: object[]; nextCursor: string }>(
    200,
    'GET',
    `${environment}/timeline?limit=500`,
  );
  expect(items.length).toBeGreaterThan(1);
  expect(items.length).toBeLessThan(10);
  expect(await bytesOf(`${environment}/timeline?limit=500&cursor=${nextCursor}`)).toBeGreaterThan(LARGE);
  expect(await bytesOf(`${environment}/diff?from=1`)).toBeGreaterThan(LARGE);
  expect(await bytesOf(`${environment}?at=10`)).toBeGreaterThan(LARGE);
  expect(await bytesOf(`/api/environment-leases/${leaseId}/bundle`)).toBeGreaterThan(CHANGES * LARGE);
  expect(await bytesOf(`/api/companies/${companyId}/events?limit=1000`)).toBeGreaterThan(LARGE);
  await service.api.acquire(companyId, { environmentId });
  expect(service.alive).toBe(true);
});
