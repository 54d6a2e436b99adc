import { expect, test } from '@jest/globals';
import { connectionUrl, createTestDatabase } from '../support/database.js';
import { ServiceHome } from '../support/service.js';

test('a token that one service has revoked is refused by the other, seconds later', async () => {
  const database = await createTestDatabase();
  const home = await ServiceHome.make();
  try {
    const settings = { DATABASE_URL: connectionUrl(database.connection) };
    const [one, other] = [await home.start(settings), await home.start(settings)];
    const made = { name: 'CI', permissions: ['admin'], companies: null };
    const { id, value } = await one.api.expect<{ id: string; value: string }>(201, 'POST', '/api/tokens', made);
    const second = { ...made, name: 'second' };
    const bearer = { authorization: `Bearer ${value}` };
    const keep = await one.api.expect<{ value: string }>(201, 'POST', '/api/tokens', second, bearer);
    await other.api.expect(200, 'GET', '/api/tokens', undefined, bearer);
    await one.api.expect(200, 'DELETE', `/api/tokens/${id}`, undefined, { authorization: `Bearer ${keep.value}` });
    await one.api.expect(401, 'GET', '/api/tokens', undefined, bearer);
    // It may be known there for three more seconds (decision 0009).
    for (;;) {
      const { status } = await other.api.send('GET', '/api/tokens', undefined, bearer);
      if (status === 401) break;
      expect(status).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  } finally {
    await home.close();
    await database.drop();
  }
});
