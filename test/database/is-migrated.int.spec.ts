import { expect, test } from '@jest/globals';
import { migrate } from '../../src/database/data-source.js';
import { isMigrated } from '../../src/database/is-migrated.js';
import { createLogPool } from '../../src/event-log/index.js';
import { createEmptyDatabase } from '../support/database.js';

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
