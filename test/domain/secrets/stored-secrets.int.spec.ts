import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '../../../src/event-sourcing/ids/new-id.js';
import { openFingerprintKey } from '../../../src/domain/secrets/fingerprint-key.js';
import { KeyRing } from '../../../src/domain/secrets/key-ring.js';
import { MasterKey, randomKey } from '../../../src/domain/secrets/master-key.js';
import { rotateMasterKey } from '../../../src/domain/secrets/rotate-master-key.js';
import { insertVersion } from '../../../src/domain/secrets/secret-versions.js';
import { SecretVault } from '../../../src/domain/secrets/secret-vault.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { openLog, type OpenLog } from '../../support/event-log.js';

const OLD = randomKey();
const NEW = randomKey();
const NO_FOLDER = '/nonexistent/leasehold';
const ring = (secretsKey: string, secretsKeyPrevious: string | null = null) =>
  KeyRing.open({ secretsKey, secretsKeyPrevious, dataDir: NO_FOLDER });

let database: TestDatabase;
let open: OpenLog;

beforeAll(async () => {
  database = await createTestDatabase();
  open = openLog(database.connection);
});

afterAll(async () => {
  await open?.close();
  await database?.drop();
});

afterEach(() => open.pool.query('DELETE FROM secret_versions'));

const company = newId();
const latest = (secretId: string) => ({ type: 'secret_ref', secretId, version: 'latest' }) as const;

async function store(vault: SecretVault, secretId: string, version: number, value: string): Promise<void> {
  await insertVersion(open.pool, vault.seal(value, { companyId: company, secretId, version }));
}

describe('a reader of secrets', () => {
  let vault: SecretVault;
  let secretId: string;
  const unavailable = { name: 'DriverError', failureClass: 'config', reasonCode: 'secret_unavailable' };

  beforeEach(async () => {
    vault = new SecretVault(open.log, await ring(OLD));
    secretId = newId();
    await store(vault, secretId, 1, 'first');
    await store(vault, secretId, 2, 'zweiter \u{1F511}\n');
  });

  it('gets the newest value or that of a version', async () => {
    expect(await vault.read(company, latest(secretId))).toBe('zweiter \u{1F511}\n');
    expect(await vault.read(company, { ...latest(secretId), version: 1 })).toBe('first');
  });

  it('gets nothing of another company, of another secret or in another version', async () => {
    await expect(vault.read(newId(), latest(secretId))).rejects.toMatchObject(unavailable);
    await expect(vault.read(company, latest(newId()))).rejects.toMatchObject(unavailable);
    await expect(vault.read(company, { ...latest(secretId), version: 3 })).rejects.toMatchObject(unavailable);
  });

  it('gets nothing that was moved from another row', async () => {
    await open.pool.query(
      `UPDATE secret_versions v SET nonce = o.nonce, ciphertext = o.ciphertext FROM secret_versions o
        WHERE v.secret_id = $1 AND v.version = 2 AND o.secret_id = $1 AND o.version = 1`,
      [secretId],
    );
    await expect(vault.read(company, latest(secretId))).rejects.toMatchObject(unavailable);
    const other = newId();
    await open.pool.query('UPDATE secret_versions SET company_id = $1', [other]);
    await expect(vault.read(other, { ...latest(secretId), version: 1 })).rejects.toMatchObject(unavailable);
  });

  it('gets nothing without the key', async () => {
    const stranger = new SecretVault(open.log, await ring(NEW));
    await expect(stranger.read(company, latest(secretId))).rejects.toMatchObject(unavailable);
  });
});

describe('replacing the master key', () => {
  const SECRETS = 250;
  const secretIds = Array.from({ length: SECRETS }, () => newId());

  beforeEach(async () => {
    const vault = new SecretVault(open.log, await ring(OLD));
    for (const [index, secretId] of secretIds.entries()) await store(vault, secretId, 1, `value ${index}`);
  });

  async function countUnder(key: string): Promise<number> {
    const { id } = new MasterKey(key);
    const { rows } = await open.pool.query('SELECT FROM secret_versions WHERE key_id = $1', [id]);
    return rows.length;
  }

  async function expectReadable(keys: KeyRing): Promise<void> {
    const vault = new SecretVault(open.log, keys);
    for (const [index, secretId] of secretIds.entries()) {
      expect(await vault.read(company, latest(secretId))).toBe(`value ${index}`);
    }
  }

  it('goes on, after it was killed in a batch, with what it has not done', async () => {
    // The second batch stops at this row until the test lets go of the lock.
    const STOP = 77_001;
    await open.pool.query(`
      CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock(${STOP}); RETURN NEW; END $$;
      CREATE TRIGGER stop_here BEFORE UPDATE ON secret_versions FOR EACH ROW
        WHEN (NEW.secret_id = '${secretIds[150]!}') EXECUTE FUNCTION stop_here();
    `);
    const holder = await open.pool.connect();
    await holder.query('SELECT pg_advisory_lock($1)', [STOP]);
    const fixture = join(import.meta.dirname, 'rotate.fixture.mjs');
    const child = spawn(process.execPath, [fixture, JSON.stringify(database.connection), NEW, OLD, NO_FOLDER]);
    try {
      const isStopped = async () =>
        (await holder.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = ${STOP} AND NOT granted`))
          .rows.length > 0;
      while (child.exitCode === null && !(await isStopped())) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(child.exitCode).toBeNull();
    } finally {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
      await holder.query('SELECT pg_advisory_unlock($1)', [STOP]);
      // Postgres rolls the killed one's transaction back when it finds the connection gone; the locks go with it.
      await holder.query('BEGIN; LOCK TABLE secret_versions IN ACCESS EXCLUSIVE MODE');
      await holder.query('DROP FUNCTION stop_here CASCADE; COMMIT');
      holder.release();
    }
    expect([await countUnder(NEW), await countUnder(OLD)]).toEqual([100, 150]);
    await expectReadable(await ring(NEW, OLD));
    await expectReadable(await ring(OLD, NEW));

    expect(await rotateMasterKey(open.pool, await ring(NEW, OLD))).toBe(150);
    expect([await countUnder(NEW), await countUnder(OLD)]).toEqual([SECRETS, 0]);
    await expectReadable(await ring(NEW));
  });

  it('is shared by those who do it at once', async () => {
    const keys = await ring(NEW, OLD);
    const done = await Promise.all([rotateMasterKey(open.pool, keys), rotateMasterKey(open.pool, keys)]);
    expect(done.reduce((sum, rows) => sum + rows)).toBe(SECRETS);
    expect(await countUnder(OLD)).toBe(0);
    expect(await rotateMasterKey(open.pool, keys)).toBe(0);
    await expectReadable(await ring(NEW));
  });

  it('ends after the batch under way when it is told to', async () => {
    const keys = await ring(NEW, OLD);
    expect(await rotateMasterKey(open.pool, keys, AbortSignal.abort())).toBe(0);
    expect(await countUnder(OLD)).toBe(SECRETS);
  });
});

describe('the key of the fingerprints', () => {
  it('is made once, outlives the master key, and refuses a wrong one', async () => {
    const keys = await ring(OLD);
    const made = await Promise.all([1, 2, 3].map(() => openFingerprintKey(open.pool, keys)));
    const [first] = made;
    expect(made.every((key) => key.equals(first!))).toBe(true);
    await rotateMasterKey(open.pool, await ring(NEW, OLD));
    expect((await openFingerprintKey(open.pool, await ring(NEW))).equals(first!)).toBe(true);
    await expect(openFingerprintKey(open.pool, keys)).rejects.toThrow('sealed with another master key');
  });
});
