import { randomUUID } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { eventually } from '../../platform/embedded/support.js';
import { connectionUrl, createEmptyDatabase, testServer, type TestDatabase } from '../../support/database.js';
import { SECRETS_KEY, ServiceHome, type ServiceProcess } from '../../support/service.js';

const SLOW = 120_000;
const ORPHAN_MS = 4_000;

let home: ServiceHome;
let database: TestDatabase;
let backup: string;
let admin: pg.Client;
beforeAll(async () => {
  home = await ServiceHome.empty();
  database = await createEmptyDatabase();
  backup = `${database.connection.database}_backup`;
  admin = new pg.Client({ ...testServer(), database: 'postgres' });
  await admin.connect();
});
afterAll(async () => {
  await home?.endAll();
  await database?.drop();
  await admin?.query(`DROP DATABASE IF EXISTS ${backup} WITH (FORCE)`);
  await admin?.end();
  await home?.close();
});

const start = (name: string): Promise<ServiceProcess> =>
  home.start({
    DATABASE_URL: connectionUrl({ ...database.connection, database: name }),
    LEASEHOLD_SECRETS_KEY: SECRETS_KEY,
    LEASEHOLD_AUDIT_KEY: SECRETS_KEY,
    LEASEHOLD_ORPHAN_SANDBOX_MS: String(ORPHAN_MS),
  });
const folder = (...names: string[]): string => join(home.dataDir, 'sandboxes', ...names);
const sandboxes = async (): Promise<string[]> => (await readdir(folder())).filter((name) => !name.startsWith('.'));

/** Warnings are paced. */
const toldOf = (service: ServiceProcess, text: string): Promise<void> =>
  eventually(() => {
    expect(service.output).toContain(text);
    return Promise.resolve();
  }, SLOW);

/** A folder as a sandbox has it whose lease is in no log. */
async function strange(...files: string[]): Promise<string> {
  const name = randomUUID();
  await mkdir(folder(name, 'files', 'workspace'), { recursive: true });
  for (const file of [`lease.7.${randomUUID()}.${name}`, ...files]) await writeFile(folder(name, file), '');
  return name;
}

test(
  'after a restore onto the same data folder, sandboxes of lost leases are told of and removed, after their time; no others are',
  async () => {
    const company = randomUUID();
    const before = await start(database.connection.database);
    const wanted = { name: 'Box', driver: 'sandbox', config: { provider: 'bubblewrap' } };
    const { id: environmentId } = await before.api.createEnvironment(company, wanted);
    const acquire = ({ api }: ServiceProcess) => api.acquire(company, { environmentId }, { Prefer: 'wait=60' });
    const { lease: kept } = await acquire(before);
    const [own = ''] = await sandboxes();
    await before.interrupt();
    await admin.query(`CREATE DATABASE ${backup} TEMPLATE ${database.connection.database}`);

    const lost = await start(database.connection.database);
    const { lease } = await acquire(lost);
    const orphan = (await sandboxes()).find((name) => name !== own) ?? '';
    expect(await readdir(folder(orphan))).toContainEqual(expect.stringMatching(`^lease\\.\\d+\\.${lease.id}\\.`));
    await lost.interrupt();

    const others = [await strange(), await strange(`log.${randomUUID()}`), await strange('suspect')];
    // Somebody has lost it for a moment.
    await writeFile(folder(own, 'suspect'), '');
    const service = await start(backup);
    await eventually(async () => expect(await readdir(folder(orphan))).toContain('suspect'), SLOW);
    const told = `Sandbox ${orphan} belongs to lease ${lease.id}, which the log does not have`;
    await toldOf(service, `${told}. It is removed in`);
    const { lease: later } = await acquire(service);
    await eventually(async () => expect(await sandboxes()).not.toContain(orphan), SLOW);
    await toldOf(service, `${told}. It was removed.`);

    expect(await sandboxes()).toEqual(expect.arrayContaining([own, ...others]));
    expect(await sandboxes()).toHaveLength(2 + others.length);
    expect(await readdir(folder(own))).not.toContain('suspect');
    for (const { id } of [kept, later]) {
      const path = `/api/environment-leases/${id}/execute`;
      expect(await service.api.expect(200, 'POST', path, { command: 'true' })).toMatchObject({ exitCode: 0 });
    }
  },
  SLOW,
);

test(
  'on another database nothing is removed, though it has none of the leases',
  async () => {
    await home.endAll();
    const found = await sandboxes();
    const other = await createEmptyDatabase();
    try {
      const service = await start(other.connection.database);
      await service.api.acquire(randomUUID());
      await new Promise((resolve) => setTimeout(resolve, ORPHAN_MS / 2));
      expect(await sandboxes()).toEqual(found);
      expect(service.output).not.toContain('which the log does not have');
      await service.interrupt();
    } finally {
      await other.drop();
    }
  },
  SLOW,
);
