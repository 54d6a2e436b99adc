import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MAX_VALUES, scanJson } from '../../../src/platform/http/json-scan.js';

const lossyOf = (text: string): string[] => scanJson(text).lossy.map(({ field }) => field);

test.each([
  ...['0', '1', '-1', '0.1', '-0.5', '1e3', '1E-3', '1.50', '100', '1e21', '9007199254740991', '9007199254740992'],
  ...['123456789012345680000', '0.30000000000000004', '3.14159265358979323846', '0e5', '0.0', '1.7976931348623157e308'],
])('F23: %s stays what it is', (literal) => {
  expect(scanJson(`{"a":${literal}}`)).toEqual({ excess: null, lossy: [] });
});

test.each([
  ...[
    '12345678901234567890',
    '9007199254740993',
    '-9007199254740993',
    '1234567890123456789.0',
    '1.2345678901234567891e19',
  ],
  ...['-0', '-0.0', '-0e5', '1e400', '-1e400', '1e-400', '1'.repeat(400)],
])('F23: %s would become another number', (literal) => {
  expect(lossyOf(`{"a":${literal}}`)).toEqual(['a']);
});

test('F23: the place is named, and digits in strings are no numbers', () => {
  expect(lossyOf(String.raw`{"-0":"-0","a\"b":[1,{"c":[[-0],-0]}],"d":"\\","e":-0}`)).toEqual([
    'a"b.1.c.0.0',
    'a"b.1.c.1',
    'e',
  ]);
});

test('F23: whatever JSON.stringify writes is taken as it is', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ noUnicodeString: false }),
      (value) => scanJson(JSON.stringify(value)).lossy.length === 0,
    ),
  );
});

test('M7: names and items are bounded, however they are spread', () => {
  const items = (count: number, item: string): string => Array.from({ length: count }, () => item).join();
  const names = Array.from({ length: MAX_VALUES + 1 }, (_, index) => `"k${index}":0`).join();
  const excess = { field: 'body', message: `must not have more than ${MAX_VALUES} names and items in all` };
  for (const text of [
    `{${names}}`,
    `{"a":{${names}}}`,
    `{"a":[${items(6_000, '0')}]}`,
    `{"a":[${items(3_000, '[]')}]}`,
  ]) {
    expect(scanJson(text).excess).toEqual(excess);
  }
  expect(scanJson(`{"a":[${items(4_000, '0')}]}`).excess).toBeNull();
});
