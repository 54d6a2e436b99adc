import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ConfigError } from '../../../src/platform/config/config.js';
import { parseDatabaseUrl } from '../../../src/platform/database/database-url.js';
import { PostgresClient } from '../../../src/event-sourcing/postgres/index.js';
import { grown } from '../../support/soak.js';

/** Where a client of this URL connects to, and as whom. */
function leadsTo(url: string): object {
  const client = new PostgresClient(parseDatabaseUrl(url).client);
  const { host, port, user, password, database } = client;
  return { host, port, user, password, database };
}

describe('the forms of a URL that libpq takes', () => {
  test.each([
    [
      'postgres://app:x@db.example:5433/lh',
      { host: 'db.example', port: 5433, user: 'app', password: 'x', database: 'lh' },
    ],
    ['postgresql://app:p%40%2F%3A%23@db/lh', { host: 'db', port: 5432, password: 'p@/:#' }],
    ['postgres://app@/lh?host=/run/postgresql', { host: '/run/postgresql', port: 5432, user: 'app', database: 'lh' }],
    ['postgres:///lh?host=/run/postgresql&user=app&port=5433', { host: '/run/postgresql', port: 5433, user: 'app' }],
    ['postgres://app@%2Frun%2Fpostgresql/lh', { host: '/run/postgresql', user: 'app', database: 'lh' }],
    ['postgres://app:x@%2Frun%2Fpostgresql:5433/lh', { host: '/run/postgresql', port: 5433, database: 'lh' }],
    ['postgres://app@:5433/lh', { host: 'localhost', port: 5433, database: 'lh' }],
    ['postgres://:5433/lh?user=app', { host: 'localhost', port: 5433, user: 'app', database: 'lh' }],
    ['postgres://app@[::1]:5433/lh', { host: '::1', port: 5433, database: 'lh' }],
    ['postgres://app@db/?dbname=lh', { host: 'db', database: 'lh' }],
    ['postgres://app:x@db/lh?password=other', { password: 'other' }],
    ['postgres://app@db/l%20h', { database: 'l h' }],
  ])('%s', (url, expected) => {
    expect(leadsTo(url)).toMatchObject(expected);
  });

  test('options are sent as they are, beside ours; what would change how values are read is not taken', () => {
    const url = 'postgres://app@db/lh?options=-c%20statement_timeout%3D60000%20-c%20DateStyle%3DGerman';
    const { client } = parseDatabaseUrl(`${url}&binary=true&client_encoding=LATIN1&statement_timeout=5000`);
    expect(client).toMatchObject({
      startOptions: '-c statement_timeout=60000 -c DateStyle=German',
      statement_timeout: '5000',
    });
    expect(Object.keys(client)).not.toEqual(expect.arrayContaining(['options']));
    expect(client).not.toHaveProperty('binary');
    expect(client).not.toHaveProperty('client_encoding');
  });

  test('the description tells where, and no password', () => {
    expect(parseDatabaseUrl('postgres://app:secret@db:5433/lh').description).toBe('Postgres at db:5433/lh');
    expect(parseDatabaseUrl('postgres://app:secret@/lh?host=/run/pg').description).toBe('Postgres at /run/pg/lh');
  });
});

describe('sslmode', () => {
  const emitWarning = process.emitWarning.bind(process);
  afterEach(() => {
    process.emitWarning = emitWarning;
  });

  test.each([
    ['disable', false, false],
    ['prefer', { rejectUnauthorized: false }, true],
    ['allow', { rejectUnauthorized: false }, true],
    ['require', {}, false],
    ['verify-ca', {}, false],
    ['verify-full', {}, false],
    ['no-verify', { rejectUnauthorized: false }, false],
  ])('%s, without a warning of the driver', (mode, ssl, prefersTls) => {
    const warnings: unknown[] = [];
    process.emitWarning = (warning: unknown) => void warnings.push(warning);
    const parsed = parseDatabaseUrl(`postgres://app@db/lh?sslmode=${mode}`);
    expect(parsed.client.ssl).toEqual(ssl);
    expect(parsed.prefersTls).toBe(prefersTls);
    expect(warnings).toEqual([]);
  });

  test('a unix socket has no TLS, as with libpq', () => {
    expect(parseDatabaseUrl('postgres://app@/lh?host=/run/pg&sslmode=require').client.ssl).toBe(false);
  });

  test('another word is refused with those that there are', () => {
    expect(() => parseDatabaseUrl('postgres://app@db/lh?sslmode=on')).toThrow(/sslmode must be one of disable, allow/);
  });
});

test.each([
  'postgres://app:pa#ss@db/lh',
  'postgres://app:pa/ss@db/lh',
  'postgres://app@db:70000/lh',
  'postgres://app@db:port/lh',
  'postgres://app@db/lh?port=x',
  'postgres://app:%E0%A4@db/lh',
  'postgres://app@db/lh?sslrootcert=/nowhere/at/all',
])('%s is refused in words that help, without the URL', (url) => {
  expect(() => parseDatabaseUrl(url)).toThrow(ConfigError);
  expect(() => parseDatabaseUrl(url)).toThrow(/^DATABASE_URL cannot be read/);
});

const piece = fc.oneof(
  fc.constantFrom(
    '',
    '@',
    ':',
    '/',
    '?',
    '&',
    '=',
    '#',
    '%',
    '%2F',
    '%00',
    '[',
    ']',
    '::1',
    'host',
    'port',
    '//',
    ' ',
    '\\',
  ),
  fc.constantFrom('options=', 'sslmode=', 'prefer', '-c', 'DateStyle=German', 'TimeZone=Asia/Kathmandu', 'binary=true'),
  fc.constantFrom(
    'client_encoding=LATIN1',
    'ssl=1',
    'sslnegotiation=direct',
    'uselibpqcompat=true',
    'verify-ca',
    '65536',
  ),
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.webSegment(),
);
const anyUrl = fc
  .tuple(fc.constantFrom('postgres://', 'postgresql://'), fc.array(piece, { maxLength: 12 }))
  .map(([scheme, pieces]) => scheme + pieces.join(''));
const urlWithOptions = fc
  .tuple(fc.string({ unit: 'binary', maxLength: 20 }), fc.constantFrom('', '&sslmode=disable', '&binary=1'))
  .map(([options, more]) => ({ options, url: `postgres://app@db/lh?options=${encodeURIComponent(options)}${more}` }));

describe('whatever DATABASE_URL is', () => {
  const numRuns = grown(500, 100_000);

  test('it is a config or a sentence, and never takes what the service sets', () => {
    fc.assert(
      fc.property(anyUrl, (url) => {
        let parsed: ReturnType<typeof parseDatabaseUrl>;
        try {
          parsed = parseDatabaseUrl(url);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          return;
        }
        const { client, description } = parsed;
        for (const ours of ['options', 'settings', 'binary', 'client_encoding', 'types', 'Client', 'max']) {
          expect(client).not.toHaveProperty(ours);
        }
        const { password, host, database } = client;
        const isSaidElsewhere = [host, database].some(
          (part) => typeof password === 'string' && part?.includes(password),
        );
        if (typeof password === 'string' && password.length > 12 && !isSaidElsewhere) {
          expect(description).not.toContain(password);
        }
        // A client can be made of it: what is wrong with it then is the connection's to tell.
        expect(new PostgresClient(client)).toBeInstanceOf(PostgresClient);
      }),
      { numRuns },
    );
  });

  test('options arrive as they were written', () => {
    fc.assert(
      fc.property(urlWithOptions, ({ options, url }) => {
        expect(parseDatabaseUrl(url).client.startOptions ?? '').toBe(options);
      }),
      { numRuns },
    );
  });
});
