import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';
import { createEmptyDatabase, type TestDatabase } from './database.js';
import { startRedis, type TestRedis } from './redis.js';
import { type Places, scanForSecrets } from './scan-for-secrets.js';

const KEY = [
  '-----BEGIN KEY-----',
  'b3BlbnNzaC1rZXktdjEAAAAA"BG5v',
  'bmUAAAAEbm9uZQAAAAAAAAAB',
  '-----END KEY-----',
  '',
].join('\n');
const LINE = 'bmUAAAAEbm9uZQAAAAAAAAAB';

let database: TestDatabase;
let redis: TestRedis;
let dataDir: string;

beforeAll(async () => {
  database = await createEmptyDatabase();
  redis = await startRedis();
  dataDir = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-scan-`));
});

afterAll(async () => {
  await redis?.stop();
  await database?.drop();
  await rm(dataDir, { recursive: true, force: true });
});

async function placesOf(changes: Partial<Places> = {}): Promise<string[]> {
  const places = { connection: database.connection, dataDir, redis, logs: {}, ...changes };
  return [...new Set((await scanForSecrets({ key: KEY }, places)).map(({ place }) => place))];
}

async function sql(text: string, values: unknown[] = []): Promise<void> {
  const client = new pg.Client(database.connection);
  await client.connect();
  await client.query(text, values).finally(() => client.end());
}

describe('a scan for secrets', () => {
  it('finds nothing where there is nothing, nor in what was sealed', async () => {
    await sql('CREATE TABLE secret_versions (nonce bytea, ciphertext bytea)');
    await sql('INSERT INTO secret_versions VALUES ($1, $1)', [Buffer.from(KEY)]);
    expect(await placesOf({ logs: { api: '-----BEGIN KEY-----' } })).toEqual([]);
  });

  it.each([
    ['as it is', `before ${KEY} after`],
    ['in JSON', JSON.stringify({ key: KEY })],
    ['in JSON within JSON', JSON.stringify(JSON.stringify({ key: KEY }))],
    ['one line of it', `x${LINE}x`],
    ['in hex', Buffer.from(`..${LINE}..`).toString('hex')],
    ...['', 'a', 'ab'].map((before) => [
      `in base64 after "${before}"`,
      Buffer.from(`${before}${KEY}`).toString('base64'),
    ]),
    ['in base64url', Buffer.from(`ab${LINE}`).toString('base64url')],
  ])('finds a secret in a log %s', async (_, text) => {
    expect(await placesOf({ logs: { api: text } })).toEqual(['log api']);
  });

  it('finds it in any table of any schema, as text, as JSON and as bytes', async () => {
    await sql(
      'CREATE SCHEMA bull; CREATE TABLE bull.job (data jsonb); CREATE TABLE a (b bytea); CREATE TABLE c (d text[])',
    );
    await sql('INSERT INTO bull.job VALUES ($1)', [JSON.stringify({ key: KEY })]);
    await sql('INSERT INTO a VALUES ($1)', [Buffer.from(LINE)]);
    await sql('INSERT INTO c VALUES ($1)', [[LINE]]);
    expect(await placesOf()).toEqual(['table bull.job', 'table public.a', 'table public.c']);
    await sql('DROP TABLE bull.job, a, c');
  });

  it('finds it in a file of the data folder and in the name of one', async () => {
    const [folder, file] = [join(dataDir, 'deep'), join(dataDir, 'deep', LINE)];
    await mkdir(folder);
    await writeFile(file, Buffer.concat([Buffer.alloc(100_000), Buffer.from(LINE)]));
    expect(await placesOf()).toEqual([`name of ${file}`, `file ${file}`]);
    await rm(folder, { recursive: true });
  });

  it('finds it in whatever Redis has, though it would be compressed there', async () => {
    const client = new Redis(redis.url);
    for (const fill of [
      () => client.set('text', LINE.repeat(200)),
      () => client.hset('hash', 'field', 'x'.repeat(1_000) + LINE),
      () => client.xadd('stream', '*', 'field', LINE.repeat(2)),
      () => client.zadd('sorted', 1, LINE),
    ]) {
      await fill();
      expect(await placesOf()).toEqual(['Redis']);
      await redis.flushAll();
    }
    client.disconnect();
  });
});
