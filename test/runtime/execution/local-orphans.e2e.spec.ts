import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { connectionUrl, createTestDatabase } from '../../support/database.js';
import { ServiceHome } from '../../support/service.js';
import { begun, gone, unusedSeconds } from '../../support/sleeping.js';

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
    const [parent, child] = [unusedSeconds(), unusedSeconds()];
    const script = `trap '' TERM INT HUP; sleep ${child} & sleep ${parent}`;
    const cut = service.api.send('POST', path, { command: 'sh', args: ['-c', script] }).catch(() => 'cut off');
    for (const seconds of [parent, child]) await begun(seconds);
    await service.kill();
    expect(await cut).toBe('cut off');
    for (const seconds of [parent, child]) await gone(seconds);
  } finally {
    await home.close();
    await database.drop();
  }
});
