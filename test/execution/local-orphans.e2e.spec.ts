import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { connectionUrl, createTestDatabase } from '../support/database.js';
import { ServiceHome } from '../support/service.js';

const run = promisify(execFile);
const running = (seconds: string): Promise<string> =>
  run('pgrep', ['-f', `^sleep ${seconds}$`]).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );
const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));

test('what runs on this machine ends with the service that was killed, its children too', async () => {
  const database = await createTestDatabase();
  const home = await ServiceHome.empty();
  try {
    const settings = { DATABASE_URL: connectionUrl(database.connection), LEASEHOLD_LOCAL_EXECUTE: 'true' };
    const service = await home.start(settings);
    const { lease } = await service.api.acquire(randomUUID());
    const path = `/api/environment-leases/${lease.id}/execute`;
    // One has ended before: its group may be somebody else's by now.
    await service.api.expect(200, 'POST', path, { command: 'true' });
    const [parent, child] = [`9${process.pid}1`, `9${process.pid}2`];
    const script = `trap '' TERM INT HUP; sleep ${child} & sleep ${parent}`;
    const cut = service.api.send('POST', path, { command: 'sh', args: ['-c', script] }).catch(() => 'cut off');
    while ((await running(parent)) === '' || (await running(child)) === '') await moment();
    await service.kill();
    expect(await cut).toBe('cut off');
    while ((await running(parent)) !== '' || (await running(child)) !== '') await moment();
  } finally {
    await home.close();
    await database.drop();
  }
});
