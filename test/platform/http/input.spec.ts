import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { expectProblem, problemOf, serveThings, type ServedApp } from './support.js';

describe('input', () => {
  let served: ServedApp;
  beforeAll(async () => {
    served = await serveThings();
  });
  afterAll(() => served?.app.close());

  const post = (body: string) =>
    fetch(`${served.url}/api/things`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  const fieldsOf = async (body: string) => {
    const { errors } = await problemOf(await post(body), 'validation_failed');
    return Object.fromEntries((errors ?? []).map(({ field, message }) => [field, message]));
  };

  test('a good body arrives as it was sent', async () => {
    const body = {
      name: '𝄞 name',
      count: 2,
      config: { toString: 1, valueOf: { deep: [1, null] }, '': 0 },
      mounts: [{ path: '/a' }],
    };
    const response = await post(JSON.stringify(body));
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ body });
  });

  test('wrong types are named, nested ones too, and nothing is converted', async () => {
    const body = { name: 5, count: '2', ownerId: 'x', config: [], mounts: [{ path: 'ok' }, { path: 7, more: 1 }, 3] };
    const fields = await fieldsOf(JSON.stringify(body));
    expect(fields).toMatchObject({
      name: 'must be a string',
      count: 'must be an integer number',
      ownerId: 'must be a UUID',
      config: 'must be a JSON object',
      'mounts.1.path': 'must be a string',
      'mounts.1.more': 'is not a field of this request',
    });
    expect(Object.keys(fields)).toContain('mounts.2');
  });

  test.each(['null', '[]', '"text"', '1', 'true', '[{"name":"a"}]'])('%s is no body', async (body) => {
    expect(await fieldsOf(body)).toEqual({ body: 'must be a JSON object' });
  });

  test('no body at all lacks the fields', async () => {
    const problem = await problemOf(await fetch(`${served.url}/api/things`, { method: 'POST' }), 'validation_failed');
    expect(problem.errors).toEqual([{ field: 'name', message: 'must be a string' }]);
  });

  test('unknown fields are named', async () => {
    expect(await fieldsOf('{"name":"a","colour":1,"size":{}}')).toEqual({
      colour: 'is not a field of this request',
      size: 'is not a field of this request',
    });
  });

  test('an answer stays small whatever was sent', async () => {
    const body: Record<string, unknown> = { name: 'a', ['k'.repeat(100_000)]: 1 };
    for (let index = 0; index < 50_000; index++) body[`unknown${index}`] = 0;
    const text = await (await post(JSON.stringify(body))).text();
    expect(text.length).toBeLessThan(20_000);
  });

  test.each([32, 100, 100_000])('an object nested %i deep inside the body is refused', async (depth) => {
    const fields = await fieldsOf(`{"name":"a","config":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`);
    expect(Object.values(fields)).toEqual(['must not be nested deeper than 32 levels']);
    expect(Object.keys(fields)[0]).toMatch(/^config\.a\.a/);
  });

  test('arrays 400,000 deep are refused too; 31 levels below the body are not', async () => {
    const deep = await fieldsOf(`{"config":{"a":${'['.repeat(400_000)}${']'.repeat(400_000)}}}`);
    expect(Object.values(deep)).toEqual(['must not be nested deeper than 32 levels']);
    expect((await post(`{"name":"a","config":${'{"a":'.repeat(31)}1${'}'.repeat(31)}}`)).status).toBe(201);
  });

  test.each([
    ['a NUL character', String.raw`"\u0000"`],
    ['the first half of a pair', String.raw`"a\ud834"`],
    ['the second half of a pair', String.raw`"\udd1ea"`],
  ])('%s is refused in a value and in a key', async (_name, text) => {
    expect(await fieldsOf(`{"name":"a","config":{"x":[1,${text}]}}`)).toEqual({
      'config.x.1': 'must not contain a NUL character or half of a surrogate pair',
    });
    const [field] = Object.keys(await fieldsOf(`{"name":"a","config":{${text}:1}}`));
    expect(field).toMatch(/^config\..*\u{FFFD}/u);
  });

  test('a number that is too large for a double is refused', async () => {
    expect(await fieldsOf('{"name":"a","config":{"x":1e999,"y":-1e999}}')).toEqual({
      'config.x': 'must be a number that a double can hold as it is written; send it as a string',
      'config.y': 'must be a number that a double can hold as it is written; send it as a string',
    });
  });

  test.each(['__proto__', 'constructor', 'prototype', String.raw`\u005f_proto__`])(
    'the key %s is refused',
    async (key) => {
      const name = key.replace(String.raw`\u005f`, '_');
      expect(await fieldsOf(`{"name":"a","config":{"${key}":{"prototype":1}}}`)).toEqual({
        [`config.${name}`]: 'is a name that is not allowed',
      });
      expect(await fieldsOf(`{"${key}":"x"}`)).toEqual({ [name]: 'is a name that is not allowed' });
      expect(await fieldsOf(`{"name":"a","mounts":[{"path":"a","${key}":{}}]}`)).toMatchObject({
        [`mounts.0.${name}`]: 'is a name that is not allowed',
      });
    },
  );

  test('a query is looked at as well', async () => {
    const list = (query: string) => fetch(`${served.url}/api/things?${query}`);
    expect(await (await list('limit=5&text=a')).json()).toEqual({ limit: 5, text: 'a' });
    for (const query of [
      'limit=x',
      'limit=1&limit=2',
      'text=%00',
      'text=a&text=b',
      'other=1',
      '__proto__=1',
      'constructor=1',
    ]) {
      const response = await list(query);
      expectProblem(response.status, response.headers, await response.text(), 'validation_failed');
    }
    expect((await list('text=%E0%A4%A')).status).toBe(200);
  });
});
