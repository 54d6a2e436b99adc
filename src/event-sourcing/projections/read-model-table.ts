import type { PoolClient } from 'pg';
import { Table, type DataSource, type EntityMetadata } from 'typeorm';
import { arrayLiteral, type Scalar } from '../event-log/index.js';

interface Column {
  readonly property: string;
  readonly name: string;
  readonly type: string;
  readonly isJson: boolean;
  readonly isArray: boolean;
  readonly isNullable: boolean;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Loads and writes the rows of one generation's table, many at a time. Columns and types are those of the entity. */
export class ReadModelTable<Row extends object> {
  private readonly loading: string;
  private readonly writing: string;
  private readonly columns: readonly Column[];
  private readonly key: Column;

  constructor(
    source: DataSource,
    metadata: EntityMetadata,
    readonly name: string,
  ) {
    const columns = columnsOf(source, metadata);
    const primary = metadata.primaryColumns.map((column) => column.databaseName);
    const key = columns.find((column) => column.name === primary[0]);
    if (!key || primary.length !== 1) throw new Error(`The entity of ${metadata.tableName} needs one primary column.`);
    this.columns = columns;
    this.key = key;
    const table = quoted(name);
    const names = columns.map((column) => quoted(column.name)).join(', ');
    const sets = columns
      .filter((column) => column !== key)
      .map(({ name }) => `${quoted(name)} = EXCLUDED.${quoted(name)}`);
    this.loading = `SELECT ${columns.map((column) => `${quoted(column.name)} AS ${quoted(column.property)}`).join(', ')}
      FROM ${table} WHERE ${quoted(key.name)} = ANY ($1::${key.type}[])`;
    this.writing = `
      WITH gone AS (DELETE FROM ${table} WHERE ${quoted(key.name)} = ANY ($1::${key.type}[]))
      INSERT INTO ${table} (${names})
      SELECT ${columns.map(valueOf).join(', ')}
        FROM ROWS FROM (${columns.map((column, index) => listOf(column, `$${index + 2}`)).join(', ')})
          AS r(${columns.map((_, index) => `c${index}`).join(', ')})
      ON CONFLICT (${quoted(key.name)}) DO ${sets.length > 0 ? `UPDATE SET ${sets.join(', ')}` : 'NOTHING'}`;
  }

  /** The column whose values `keyOf` gives. */
  get keyColumn(): string {
    return this.key.name;
  }

  async load(client: PoolClient, keys: readonly string[]): Promise<Map<string, Row>> {
    const { rows } = await client.query<Row>({ name: `load_${this.name}`, text: this.loading, values: [keys] });
    return new Map(rows.map((row) => [String(Reflect.get(row, this.key.property)), row]));
  }

  /** One statement: rows are inserted or replaced, keys with null are deleted. */
  async write(client: PoolClient, rows: ReadonlyMap<string, Row | null>): Promise<void> {
    const written: Row[] = [];
    const gone: string[] = [];
    for (const [key, row] of rows) {
      if (row === null) gone.push(key);
      else written.push(row);
    }
    if (written.length === 0 && gone.length === 0) return;
    await client.query({ name: `write_${this.name}`, text: this.writing, values: [gone, ...this.listsOf(written)] });
  }

  /** A list a column: of whole rows as one JSON text, Postgres would take each value apart three times. */
  private listsOf(rows: readonly Row[]): string[] {
    return this.columns.map(({ property, isJson, isArray }) => {
      const values = rows.map((row): unknown => Reflect.get(row, property));
      if (isJson) return JSON.stringify(values);
      // What is an array itself stands in the list as its text: Postgres has no lists of arrays of different lengths.
      return arrayLiteral(isArray ? (values as Scalar[][]).map(arrayLiteral) : (values as Scalar[]));
    });
  }
}

function listOf({ type, isJson, isArray }: Column, parameter: string): string {
  if (isJson) return `${type}_array_elements(${parameter}::${type})`;
  return `unnest(${parameter}::${isArray ? 'text' : type}[])`;
}

/** The value of a column in a row of the lists. */
function valueOf({ type, isJson, isArray, isNullable }: Column, index: number): string {
  if (isArray) return `c${index}::${type}`;
  return isJson && isNullable ? `CASE WHEN c${index}::text <> 'null' THEN c${index} END` : `c${index}`;
}

function columnsOf(source: DataSource, metadata: EntityMetadata): Column[] {
  const table = Table.create(metadata, source.driver);
  return metadata.columns.flatMap((column) => {
    const stored = table.findColumnByName(column.databaseName);
    // A column that Postgres computes is in the table, but not in a row.
    if (!stored || stored.asExpression !== undefined) return [];
    const type = source.driver.createFullType(stored);
    const { isArray, isNullable } = stored;
    const kinds = { isJson: /^jsonb?$/.test(type), isArray, isNullable };
    return [{ property: column.propertyName, name: column.databaseName, type, ...kinds }];
  });
}
