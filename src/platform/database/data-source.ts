import { DataSource, MigrationExecutor, type DataSourceOptions } from 'typeorm';
import { MIGRATIONS } from '../../../migrations/index.js';
import { createPool, PostgresClient, type PostgresConfig } from '../../event-sourcing/postgres/index.js';
import { isMigrated } from './is-migrated.js';

/**
 * TypeORM's part: it reads the read models and runs the migrations.
 * @param tables of the read models
 */
export function dataSourceOptions(
  client: PostgresConfig,
  connections: number,
  tables: readonly (new () => object)[],
): DataSourceOptions {
  return {
    type: 'postgres',
    entities: [...tables],
    migrations: MIGRATIONS,
    // The tables of the read models are made by the projections.
    synchronize: false,
    poolSize: connections,
    extra: { ...client, application_name: 'leasehold-reads', Client: PostgresClient },
  };
}

const MIGRATION_LOCK = 5_021_772;

/** Brings the schema up to date. Processes that start together take turns. */
export async function migrate(config: PostgresConfig): Promise<void> {
  // Whoever waits for its turn, and for a migration, waits as long as it takes.
  const client = { ...config, query_timeout: undefined, settings: {} };
  // Nearly always there is nothing to do, which TypeORM would take longer to see.
  const pool = createPool({ ...client, max: 1 });
  if (await isMigrated(pool).finally(() => pool.end())) return;
  const dataSource = await new DataSource(dataSourceOptions(client, 2, [])).initialize();
  const turn = dataSource.createQueryRunner();
  try {
    await turn.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    // On the connection that has the turn, so that a start needs no second one.
    const migrations = new MigrationExecutor(dataSource, turn);
    migrations.transaction = 'each';
    await migrations.executePendingMigrations();
  } finally {
    await turn.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
    await turn.release();
    await dataSource.destroy();
  }
}
