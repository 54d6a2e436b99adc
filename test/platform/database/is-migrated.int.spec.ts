import { expect, test } from '@jest/globals';
import { readConfig } from '../../../src/platform/config/config.js';
import { migrate } from '../../../src/platform/database/data-source.js';
import { isMigrated } from '../../../src/platform/database/is-migrated.js';
import { requireUsable } from '../../../src/platform/database/usable.js';
import { createLogPool } from '../../../src/event-sourcing/event-log/index.js';
import { createEmptyDatabase, createTestDatabase } from '../../support/database.js';

test('a database is migrated when every migration has run in it, and only then', async () => {
  const database = await createEmptyDatabase();
  const pool = createLogPool({ ...database.connection, max: 1 });
  try {
    expect(await isMigrated(pool)).toBe(false);
    await migrate(database.connection);
    expect(await isMigrated(pool)).toBe(true);
    await pool.query('DELETE FROM migrations WHERE id = (SELECT max(id) - 1 FROM migrations)');
    expect(await isMigrated(pool)).toBe(false);
  } finally {
    await pool.end();
    await database.drop();
  }
});

test('a database that a newer release has migrated is refused, with the names and what to do, before it is changed', async () => {
  const database = await createTestDatabase();
  const pool = createLogPool({ ...database.connection, max: 1 });
  const use = (): Promise<void> => requireUsable(database.connection, readConfig({}), () => undefined);
  try {
    await use();
    await pool.query(`INSERT INTO migrations (timestamp, name) VALUES (1900000000000, 'Later1900000000000')`);
    await expect(use()).rejects.toThrow(
      'A newer release of Leasehold has migrated the database (Later1900000000000). Run that release, or restore a backup',
    );
  } finally {
    await pool.end();
    await database.drop();
  }
});
