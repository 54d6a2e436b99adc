import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anyText } from '../../support/any-text.js';
import { expectProblem, serveThings, type ServedApp } from './support.js';

const FIELDS = [
  'name',
  'count',
  'ownerId',
  'config',
  'mounts',
  'path',
  '__proto__',
  'constructor',
  'toString',
  'then',
  '',
];

/** JSON text: keys that mean something here or to JavaScript are likely, and so are lone surrogates and NUL. */
const jsonText = fc
  .letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(
        'null',
        'true',
        '0',
        '-0',
        '1e999',
        '1e400',
        '12345678901234567890',
        '""',
        String.raw`"\u0000"`,
        String.raw`"\ud800"`,
      ),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      anyText.map((text) => JSON.stringify(text)),
      fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join()}]`),
      tie('object'),
    ),
    object: fc
      .array(fc.tuple(fc.oneof(fc.constantFrom(...FIELDS), anyText), tie('value')), {
        maxLength: 6,
      })
      .map((entries) => `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${String(value)}`).join()}}`),
  }))
  .object.map(String);

describe('whatever is sent', () => {
  let served: ServedApp;
  beforeAll(async () => {
    served = await serveThings();
  });
  afterAll(() => served?.app.close());

  const check = async (body: string | Uint8Array, contentType = 'application/json') => {
    const response = await fetch(`${served.url}/api/things`, {
      method: 'POST',
      body,
      headers: { 'content-type': contentType },
    });
    const text = await response.text();
    if (response.status === 201) return;
    expect(response.status).toBeLessThan(500);
    expectProblem(response.status, response.headers, text);
  };

  test('JSON objects', async () => {
    await fc.assert(
      fc.asyncProperty(jsonText, (text) => check(text)),
      { numRuns: 400 },
    );
  });

  test('JSON values', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json({ noUnicodeString: false }), (text) => check(text)),
      { numRuns: 150 },
    );
  });

  test('objects that are nearly right', async () => {
    const near = fc.record(
      {
        name: fc.jsonValue(),
        count: fc.jsonValue(),
        ownerId: fc.jsonValue(),
        config: fc.jsonValue(),
        mounts: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(near, (body) => check(JSON.stringify(body))),
      { numRuns: 250 },
    );
  });

  test('bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), (bytes) => check(bytes)),
      { numRuns: 150 },
    );
  });

  test('paths and queries', async () => {
    const part = fc.string({
      unit: fc.constantFrom(...'abc019%/?#&=.-_~[]{}:;@!*+,$'.split(''), '%00', '%ff', '%F0%9D%84%9E', '..'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('/api/things?', '/api/things/', '/', '/api/docs/'),
        part,
        async (start, rest) => {
          const response = await served.app.inject({ method: 'GET', url: `http://a${start}${encodeURI(rest)}` });
          if (response.statusCode < 400) return;
          expect(response.statusCode).toBeLessThan(500);
          expectProblem(
            response.statusCode,
            new Headers({ ...(response.headers as Record<string, string>) }),
            response.body,
          );
        },
      ),
      { numRuns: 250 },
    );
    expect(served.logged).toEqual([]);
  });
});
