import { expect, test } from '@jest/globals';
import { readConfig } from '../../../src/platform/config/config.js';
import { sharesOf } from '../../../src/platform/database/shares.js';

test.each([22, 25, 29, 30, 34, 100])(
  'no part of %i connections is left without, and there are no more than that',
  (total) => {
    for (const REDIS_URL of ['', 'redis://localhost']) {
      const shares = sharesOf(readConfig({ LEASEHOLD_DATABASE_CONNECTIONS: String(total), REDIS_URL }));
      const queue = REDIS_URL === '' ? 2 * shares.queue + 1 : 0;
      expect(shares.log).toBeGreaterThanOrEqual(6);
      expect(shares.reads).toBeGreaterThanOrEqual(6);
      expect(shares.queue > 0).toBe(REDIS_URL === '');
      expect(shares.log + shares.reads + queue + 5).toBe(total);
    }
  },
);
