import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ConfigError } from '../../../src/platform/config/config.js';
import { newId } from '../../../src/event-sourcing/ids/new-id.js';
import { rotateKeyFile } from '../../../src/domain/secrets/key-file.js';
import { KeyRing } from '../../../src/domain/secrets/key-ring.js';
import { MasterKey, randomKey } from '../../../src/domain/secrets/master-key.js';
import { replaceMasterKey } from '../../../src/domain/secrets/replace-master-key.js';
import { countByKey, insertVersion } from '../../../src/domain/secrets/secret-versions.js';
import { SecretVault } from '../../../src/domain/secrets/secret-vault.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { openLog, type OpenLog } from '../../support/event-log.js';

const [OLD, NEW] = [randomKey(), randomKey()];
const SECRETS = 120;

let database: TestDatabase;
let open: OpenLog;
let dataDir: string;

beforeAll(async () => {
  database = await createTestDatabase();
  open = openLog(database.connection);
});

afterAll(async () => {
  await open?.close();
  await database?.drop();
});

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'leasehold-replace-'));
});

afterEach(async () => {
  await open.pool.query('DELETE FROM secret_versions');
  await rm(dataDir, { recursive: true, force: true });
});

const settings = (secretsKey: string | null = null, secretsKeyPrevious: string | null = null) => ({
  secretsKey,
  secretsKeyPrevious,
  dataDir,
});
const replace = (of = settings(), resume = false) => replaceMasterKey(open.pool, of, resume);
const keysInFile = async (): Promise<number> =>
  (await readFile(join(dataDir, 'secrets.key'), 'utf8')).split('\n').filter((line) => line !== '').length;

/** Stores values under the key that seals with these settings. @returns its id */
async function store(of = settings()): Promise<string> {
  const keys = await KeyRing.open(of);
  const vault = new SecretVault(open.log, keys);
  for (let index = 0; index < SECRETS; index += 1) {
    await insertVersion(open.pool, vault.seal('a value', { companyId: newId(), secretId: newId(), version: 1 }));
  }
  return keys.current.id;
}

describe('replacing the master key of the key file', () => {
  it('makes a new key and seals every value by it', async () => {
    const first = await store();
    const done = await replace();
    expect(done).toEqual({ keyId: expect.any(String), sealed: SECRETS, olderKeyIds: [first] });
    expect(done.keyId).not.toBe(first);
    expect(await countByKey(open.pool)).toEqual([{ keyId: done.keyId, rows: SECRETS }]);
    expect((await KeyRing.open(settings())).current.id).toBe(done.keyId);
  });

  it('goes on where it was interrupted, with --resume without another key', async () => {
    const first = await store();
    // As it is when it was killed after the key was made.
    await rotateKeyFile(dataDir);
    const { current } = await KeyRing.open(settings());
    expect(await replace(settings(), true)).toEqual({ keyId: current.id, sealed: SECRETS, olderKeyIds: [first] });
    expect(await replace(settings(), true)).toMatchObject({ keyId: current.id, sealed: 0 });
    expect(await keysInFile()).toBe(2);
    expect((await replace()).keyId).not.toBe(current.id);
    expect(await keysInFile()).toBe(3);
  });

  it('makes no key where there is none to be replaced', async () => {
    await expect(replace()).rejects.toThrow(`There is no secrets.key in ${dataDir}`);
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('changes nothing when a value is under a key that is not there', async () => {
    const stranger = await store(settings(OLD));
    await KeyRing.open(settings());
    await expect(replace()).rejects.toThrow(`${SECRETS} values are sealed with an unknown master key (${stranger})`);
    expect(await keysInFile()).toBe(1);
    expect(await countByKey(open.pool)).toEqual([{ keyId: stranger, rows: SECRETS }]);
  });

  it('says so when another process has kept values under the older key', async () => {
    const first = await store();
    const holder = await open.pool.connect();
    try {
      await holder.query('BEGIN; SELECT FROM secret_versions ORDER BY secret_id LIMIT 5 FOR UPDATE');
      const outcome = replace();
      await expect(outcome).rejects.toThrow(ConfigError);
      await expect(outcome).rejects.toThrow('sealed 5 with older ones');
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }
    expect(await replace(settings(), true)).toMatchObject({ sealed: 5, olderKeyIds: [first] });
  });
});

describe('replacing the master key of the settings', () => {
  it('seals every value by the new one, also when it is called again', async () => {
    const first = await store(settings(OLD));
    const { id } = new MasterKey(NEW);
    expect(await replace(settings(NEW, OLD))).toEqual({ keyId: id, sealed: SECRETS, olderKeyIds: [first] });
    expect(await replace(settings(NEW, OLD))).toMatchObject({ keyId: id, sealed: 0 });
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('is refused where no other key is known, or not the one that has sealed', async () => {
    await store(settings(OLD));
    await expect(replace(settings(OLD))).rejects.toThrow('LEASEHOLD_SECRETS_KEY_PREVIOUS to the old one');
    await expect(replace(settings(NEW))).rejects.toThrow('an unknown master key');
    await expect(replace(settings(NEW, randomKey()))).rejects.toThrow('Nothing was changed');
  });
});
