import { chmod, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type EmbeddedPostgres, joinEmbeddedPostgres } from '../../../src/platform/embedded/index.js';
import { newId } from '../../../src/event-sourcing/ids/new-id.js';
import { MasterKey, randomKey } from '../../../src/domain/secrets/master-key.js';
import type { SecretJson } from '../../../src/domain/secrets/secret-json.js';
import { ServiceHome, type ServiceProcess } from '../../support/service.js';

let home: ServiceHome;
/** Joined here too, so that it goes on between one service and the next. */
let postgres: EmbeddedPostgres;

beforeAll(async () => {
  home = await ServiceHome.make();
  postgres = await joinEmbeddedPostgres({ dataDir: home.dataDir, log: () => undefined });
});

afterAll(async () => {
  await postgres?.leave();
  await home?.close();
});

const company = newId();
const [first, second] = [randomKey(), randomKey()];
const VALUE = 'Planted-value-0c1d7f529a418e2b6c5d';

function create(service: ServiceProcess): Promise<SecretJson> {
  const path = `/api/companies/${company}/secrets`;
  const headers = { 'idempotency-key': 'before-and-after' };
  return service.api.expect(201, 'POST', path, { name: 'Deploy key', value: VALUE }, headers);
}

/** Files below the data folder that hold one of these texts. */
async function filesWith(texts: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(home.dataDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    if (texts.some((text) => bytes.includes(text))) found.push(path);
  }
  return found;
}

/** Waits until every row is under this key. */
async function sealedBy(key: string): Promise<void> {
  const client = new pg.Client(postgres.connection);
  await client.connect();
  try {
    const others = 'SELECT FROM secret_versions WHERE key_id <> $1';
    while ((await client.query(others, [new MasterKey(key).id])).rows.length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } finally {
    await client.end();
  }
}

describe('a service whose master key changes', () => {
  it('moves from the key file to a setting and to another, answers repeats, and does not start without the key, nor while others can read the file', async () => {
    const byFile = await home.start();
    const made = await create(byFile);

    const file = join(home.dataDir, 'secrets.key');
    await chmod(file, 0o644);
    const refused = home.spawn();
    expect(await refused.exited()).toBe(1);
    expect(refused.output).toContain(`Leasehold does not start.\n${file} has mode 0644`);
    expect(refused.output).toContain(`chmod 600 ${file}`);
    expect(refused.output).not.toMatch(/\n\s+at /);
    await chmod(file, 0o600);
    await byFile.interrupt();

    const bySetting = await home.start({ LEASEHOLD_SECRETS_KEY: first });
    expect(await create(bySetting)).toEqual(made);
    await sealedBy(first);
    expect(await bySetting.interrupt()).toBe(0);

    const settings = { LEASEHOLD_SECRETS_KEY: second, LEASEHOLD_SECRETS_KEY_PREVIOUS: first };
    const rotated = await home.start(settings);
    expect(await create(rotated)).toEqual(made);
    await sealedBy(second);
    await rotated.interrupt();

    const withoutIt = home.spawn({ LEASEHOLD_SECRETS_KEY: first });
    expect(await withoutIt.exited()).toBe(1);
    expect(withoutIt.output).toContain('sealed with another master key');

    const again = await home.start({ LEASEHOLD_SECRETS_KEY: second });
    expect(await create(again)).toEqual(made);
    await again.interrupt();

    // A new key would open nothing of what is sealed, and the next start would take it for the one that was lost.
    await rm(file);
    const lost = home.spawn();
    expect(await lost.exited()).toBe(1);
    expect(lost.output).toContain(`Leasehold does not start.\nThere is no secrets.key in ${home.dataDir}.`);
    expect(lost.output).not.toMatch(/\n\s+at /);
    await expect(stat(file)).rejects.toThrow('ENOENT');

    const secret = [VALUE, Buffer.from(VALUE).toString('base64'), Buffer.from(VALUE).toString('hex'), first, second];
    const output = [byFile, refused, bySetting, rotated, withoutIt, again].map((service) => service.output).join('');
    expect(secret.filter((text) => output.includes(text))).toEqual([]);
    // While it runs, it removes files of its own.
    await postgres.leave();
    expect(await filesWith(['Deploy key'])).not.toEqual([]);
    expect(await filesWith(secret)).toEqual([]);
  });
});
