import pg from 'pg';
import { createPool, type PostgresConfig } from '../postgres/index.js';

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

/** As Postgres prints a time in UTC under the date style ISO. */
const PRINTED = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/;

/**
 * `2026-11-23 11:35:00.12+00` to `2026-11-23T11:35:00.120Z`.
 * @throws Error for a time that is printed in another way: a wrong time must not get into the log.
 */
export function isoTime(text: string): string {
  const [, date, time, fraction = ''] = PRINTED.exec(text) ?? [];
  if (date === undefined) throw new Error(`Postgres printed a time as "${text}", which is not ISO 8601 in UTC.`);
  return `${date}T${time}.${fraction.padEnd(3, '0').slice(0, 3)}Z`;
}

/** A plan that was made, and kept, while a table was almost empty must not read all of it once it has grown. */
const SETTINGS = { enable_seqscan: 'off' };

/** The config of a connection that speaks the log's types, whoever opens it. */
export function logConnection<Config extends PostgresConfig>(config: Config): Config {
  return { ...config, types, settings: { ...config.settings, ...SETTINGS } };
}

export function createLogPool(config: PostgresConfig & pg.PoolConfig): pg.Pool {
  return createPool(logConnection(config));
}
