import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { newId } from '../../../src/event-sourcing/ids/new-id.js';
import { randomKey } from '../../../src/domain/secrets/master-key.js';
import type { SecretJson } from '../../../src/domain/secrets/secret-json.js';
import { leasehold } from '../../support/cli.js';
import { connectionUrl, createTestDatabase, type TestDatabase } from '../../support/database.js';
import { ServiceHome, type ServiceProcess } from '../../support/service.js';

const SLOW = 120_000;
const ROTATE = ['secrets', 'rotate-master-key'];
const company = newId();

let database: TestDatabase;
let home: ServiceHome;
beforeAll(async () => {
  database = await createTestDatabase();
  home = await ServiceHome.empty();
});
afterAll(async () => {
  await home?.close();
  await database?.drop();
});

const start = (settings: Record<string, string>) =>
  home.start({ DATABASE_URL: connectionUrl(database.connection), ...settings });

const rotate = (settings: Record<string, string>, ...options: string[]) =>
  leasehold(
    { DATABASE_URL: connectionUrl(database.connection), LEASEHOLD_DATA_DIR: home.dataDir, ...settings },
    ...ROTATE,
    ...options,
  );

/** Its fingerprint's key is sealed like a secret: a repeat is known only to who can open that. */
function create(service: ServiceProcess): Promise<SecretJson> {
  const headers = { 'idempotency-key': 'before-and-after' };
  const path = `/api/companies/${company}/secrets`;
  return service.api.expect(201, 'POST', path, { name: 'Deploy key', value: 'a value' }, headers);
}

test(
  'the key of the file and that of a setting are replaced, while the service runs and between two starts',
  async () => {
    const service = await start({});
    const made = await create(service);
    const first = await rotate({}, '--json');
    expect(first.code).toBe(0);
    const { keyId, sealed, olderKeyIds } = JSON.parse(first.out) as { keyId: string; sealed: number; olderKeyIds: [] };
    expect([sealed, olderKeyIds.length]).toEqual([2, 1]);
    expect(await create(service)).toEqual(made);
    await service.interrupt();

    const resumed = await rotate({}, '--resume');
    expect(resumed.code).toBe(0);
    expect(resumed.out).toContain(`Every secret is sealed with the master key ${keyId} (0 just now).`);
    const keys = (await readFile(join(home.dataDir, 'secrets.key'), 'utf8')).split('\n').filter((line) => line !== '');
    expect(keys).toHaveLength(2);
    expect(keys.filter((key) => (first.out + resumed.out).includes(key))).toEqual([]);

    const [present, next] = [randomKey(), randomKey()];
    const bySetting = await rotate({ LEASEHOLD_SECRETS_KEY: present });
    expect([bySetting.code, bySetting.out.includes('(2 just now)')]).toEqual([0, true]);
    const settings = { LEASEHOLD_SECRETS_KEY: next, LEASEHOLD_SECRETS_KEY_PREVIOUS: present };
    expect((await rotate(settings)).code).toBe(0);
    const restarted = await start({ LEASEHOLD_SECRETS_KEY: next });
    expect(await create(restarted)).toEqual(made);
    await restarted.interrupt();

    const missing = await rotate({ LEASEHOLD_SECRETS_KEY: present });
    expect([missing.code, missing.out]).toEqual([1, '']);
    expect(missing.err).toContain('are sealed with an unknown master key');
    expect(missing.err).not.toMatch(/\n\s+at /);
  },
  SLOW,
);

test(
  'it says how it is used, and why it does nothing',
  async () => {
    const help = await rotate({}, '--help');
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toContain('--resume');
    expect(help.out).toContain('LEASEHOLD_SECRETS_KEY_PREVIOUS');
    expect((await rotate({}, '--again')).code).toBe(2);
    await chmod(join(home.dataDir, 'secrets.key'), 0o640);
    const open = await rotate({});
    expect([open.code, open.err.includes('has mode 0640')]).toEqual([1, true]);
  },
  SLOW,
);
