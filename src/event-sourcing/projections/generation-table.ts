import type { PoolClient } from 'pg';
import { Table, type DataSource, type EntityMetadata } from 'typeorm';

/** The longest name that Postgres keeps whole. */
const NAME_LIMIT = 63;

/** Makes a generation's table as the entity says, with every index and constraint under a name of its own. */
export async function createGenerationTable(
  client: PoolClient,
  source: DataSource,
  metadata: EntityMetadata,
  generation: number,
): Promise<string> {
  const table = Table.create(metadata, source.driver);
  const suffix = `_g${generation}`;
  const named = (name: string): string => name.slice(0, NAME_LIMIT - suffix.length) + suffix;
  table.name = named(metadata.tableName);
  for (const part of [...table.indices, ...table.uniques, ...table.checks, ...table.exclusions]) {
    if (part.name !== undefined) part.name = named(part.name);
  }
  for (const column of table.columns) {
    if (column.primaryKeyConstraintName !== undefined) {
      column.primaryKeyConstraintName = named(column.primaryKeyConstraintName);
    }
  }
  for (const { query, parameters } of await statements(source, table)) await client.query(query, parameters);
  return table.name;
}

/** TypeORM's own statements for the table, not executed: they have to be part of our transaction. */
async function statements(source: DataSource, table: Table): Promise<{ query: string; parameters?: unknown[] }[]> {
  const runner = source.createQueryRunner();
  try {
    runner.enableSqlMemory();
    await runner.createTable(table, false, false, true);
    return runner
      .getMemorySql()
      .upQueries.map(({ query, parameters }) => (parameters ? { query, parameters } : { query }));
  } finally {
    await runner.release();
  }
}
