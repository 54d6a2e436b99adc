import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';
import { createEmptyDatabase } from './database.js';
import { startRedis } from './redis.js';
import { expectNoSecrets, useSecret } from './secrets-used.js';

const planted = randomBytes(32).toString('base64url');
useSecret('planted', planted);

test('a database that holds a secret is not dropped without a word', async () => {
  const database = await createEmptyDatabase();
  const client = new pg.Client(database.connection);
  await client.connect();
  await client.query('CREATE TABLE events (data jsonb)');
  await client.query('INSERT INTO events VALUES ($1)', [{ deep: [{ in: `it ${planted}` }] }]);
  await expect(database.drop()).rejects.toThrow('Secrets were left behind');
  await client.query('TRUNCATE events');
  await client.end();
  await database.drop();
});

test('nor a Redis stopped', async () => {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  await client.hset('job', 'data', Buffer.from(planted).toString('base64'));
  await expect(redis.stop()).rejects.toThrow('Secrets were left behind');
  await client.flushall();
  client.disconnect();
  await redis.stop();
});

test('nor a file or a log given up', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'leasehold-test-'));
  try {
    await writeFile(join(dataDir, 'state'), `x${planted}`);
    await expect(expectNoSecrets({ dataDir })).rejects.toThrow('Secrets were left behind');
    await expect(expectNoSecrets({ logs: { service: `x${planted}` } })).rejects.toThrow('Secrets were left behind');
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});
