import pg from 'pg';

const INT8 = 20;
const TIMESTAMPTZ = 1184;

const standardParser: (oid: number, format?: 'text' | 'binary') => (value: string) => unknown = pg.types.getTypeParser;

/** Positions as numbers (exact up to 2^53) and times as ISO 8601 strings, on every connection that reads the log. */
const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format !== 'binary' && oid === INT8) return Number;
    if (format !== 'binary' && oid === TIMESTAMPTZ) return isoTime;
    return standardParser(oid, format);
  },
};

/** `2026-11-23 11:35:00.12+00`, as Postgres prints it when the time zone is UTC, to `2026-11-23T11:35:00.120Z`. */
function isoTime(text: string): string {
  return `${text.slice(0, 10)}T${text.slice(11, text.indexOf('+', 11)).padEnd(9, '.').padEnd(12, '0').slice(0, 12)}Z`;
}

/**
 * Of every connection: times are printed in UTC; a statement sees what was committed before it, which the order of
 * positions rests on, whatever the database's default is; and a plan that was made, and kept, while a table was almost
 * empty does not read all of it once it has grown.
 */
const SETTINGS = ['TimeZone=UTC', 'default_transaction_isolation=read\\ committed', 'enable_seqscan=off'];

/** The config of a connection that speaks the log's types, whoever opens it. */
export function logConnection<Config extends pg.ClientConfig>(config: Config): Config {
  return { ...config, types, options: SETTINGS.map((setting) => `-c ${setting}`).join(' ') };
}

export function createLogPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(logConnection(config));
  // A connection that breaks while it is idle is dropped by the pool; without a listener Node would end the process.
  pool.on('error', () => undefined);
  // The same while it is lent out and no query is under way; whoever has it learns of it from the next query.
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return pool;
}
