// Jest loads this file with plain Node, so that it is JavaScript and uses the build that scripts/test.mjs has made.
import { chmodSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { joinEmbeddedPostgres } from '../../dist/src/embedded/index.js';
import { makeRunFolder, removeAbandonedRuns } from './run-folder.mjs';

/** One Postgres for the whole run; each test file makes databases of its own in it (see database.ts). */
export default async function globalSetup() {
  await removeAbandonedRuns(joinEmbeddedPostgres);
  const folder = makeRunFolder();
  // mkdtemp makes it 0700; where root runs the tests, Postgres is another user.
  chmodSync(folder, 0o755);
  const remove = () => rm(folder, { recursive: true, force: true });
  let postgres;
  try {
    postgres = await joinEmbeddedPostgres({ dataDir: folder, log: () => undefined });
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
