import { expect, test } from '@jest/globals';
import { connectionUrl } from '../../support/database.js';
import { SECRETS_KEY, ServiceHome, serve } from '../../support/service.js';

test('a token that one service has revoked is refused by the other, seconds later', async () => {
  const one = await serve();
  const home = await ServiceHome.empty();
  try {
    const other = await home.start({
      DATABASE_URL: connectionUrl(one.connection),
      LEASEHOLD_SECRETS_KEY: SECRETS_KEY,
    });
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
    await one.close();
  }
});
