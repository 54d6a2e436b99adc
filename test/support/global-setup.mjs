// Jest loads this file with plain Node, so that it is JavaScript and uses the build that scripts/test.mjs has made.
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import 'reflect-metadata';
import { readConfig } from '../../dist/src/platform/config/config.js';
import { migrate } from '../../dist/src/platform/database/data-source.js';
import { joinEmbeddedPostgres } from '../../dist/src/platform/embedded/index.js';
import { EffectQueue } from '../../dist/src/runtime/provisioning/effect-queue.js';
import { makeRunFolder, removeAbandonedRuns } from './run-folder.mjs';

/**
 * A Postgres whose databases are copied instead of being made again, which costs a second each: the one that the service
 * works on is migrated, and a copy of the folder is there for services that get one of their own (see service.ts). Those
 * write to the disk as a user's does.
 */
async function prepared(folder, copy) {
  const start = () => joinEmbeddedPostgres({ dataDir: folder, log: () => undefined });
  const first = await start();
  try {
    await migrate(first.connection);
    const queue = new EffectQueue(first.connection, readConfig({}), () => undefined);
    await queue.start().finally(() => queue.close());
  } finally {
    await first.leave();
  }
  // With the owners of all that is in it.
  execFileSync('cp', ['-a', join(folder, 'postgres'), copy]);
  // A kill loses nothing of what the kernel was given; only a power cut would, and no test is one.
  appendFileSync(join(folder, 'postgres', 'data', 'postgresql.auto.conf'), 'fsync = off\n');
  // Nobody else reaches its socket: a password is a quarter of what a connection costs, and a run makes 2,000.
  writeFileSync(join(folder, 'postgres', 'data', 'pg_hba.conf'), 'local all all trust\n');
  return start();
}

/** One Postgres for the whole run; each test file makes databases of its own in it (see database.ts). */
export default async function globalSetup() {
  await removeAbandonedRuns(joinEmbeddedPostgres);
  const folder = makeRunFolder();
  // mkdtemp makes it 0700; where root runs the tests, Postgres is another user.
  chmodSync(folder, 0o755);
  const remove = () => rm(folder, { recursive: true, force: true });
  let postgres;
  try {
    process.env.LEASEHOLD_TEST_PREPARED = join(folder, 'prepared');
    postgres = await prepared(folder, process.env.LEASEHOLD_TEST_PREPARED);
  } catch (error) {
    await remove();
    throw error;
  }
  process.env.LEASEHOLD_TEST_POSTGRES = JSON.stringify(postgres.connection);

  let ending;
  const end = () => (ending ??= postgres.leave().then(remove));
  globalThis.endOfTestRun = end;
  // Jest runs no teardown when it is interrupted. A terminal and npm may both send the signal: hence not `once`.
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
    process.on(signal, () => void end().finally(() => process.exit(code)));
  }
}
