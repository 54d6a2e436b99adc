import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LeaseholdError } from '../../../src/errors/catalogue.js';
import { canonicalJson } from '../../../src/event-sourcing/commands/canonical-json.js';
import { fingerprintOf } from '../../../src/platform/http/command-fingerprint.js';
import { IsJsonObject } from '../../../src/platform/http/index.js';
import {
  headerValues,
  idempotencyOf,
  parseIdempotencyKey,
  parseIfMatch,
  parseLeaseFence,
  parseMinPosition,
  parsePreferWait,
} from '../../../src/platform/http/request-headers.js';

const refusal = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof LeaseholdError && error.code === 'validation_failed')
      return error.facts.errors?.[0]?.field ?? '';
    throw error;
  }
  return 'not refused';
};

describe('X-Lease-Fence', () => {
  test('is the position of a lease’s first event', () => {
    expect(parseLeaseFence([])).toBeNull();
    expect(parseLeaseFence(['1'])).toBe(1);
    expect(parseLeaseFence(['9007199254740991'])).toBe(Number.MAX_SAFE_INTEGER);
  });

  const bad = ['', '0', '-1', '1.5', '01', '+1', '1e3', '0x1', ' 1', 'x', '9007199254740992', '1, 1'];
  test.each([...bad.map((value) => [value]), ['1', '1']])('%j is refused', (...values) => {
    expect(refusal(() => parseLeaseFence(values))).toBe('X-Lease-Fence');
  });
});

describe('Idempotency-Key', () => {
  test.each(['a', 'A-z_0.9~', '!', '~', '"quoted"', 'k'.repeat(255)])('%s', (key) => {
    expect(parseIdempotencyKey([key])).toBe(key);
  });

  test('absent', () => expect(parseIdempotencyKey([])).toBeNull());

  test.each([[['']], [['a b']], [['é']], [['\u007f']], [['k'.repeat(256)]], [['a', 'a']]])(
    '%j is refused',
    (values) => {
      expect(refusal(() => parseIdempotencyKey(values))).toBe('Idempotency-Key');
    },
  );

  test('a header that is sent twice has two values', () => {
    const raw = { rawHeaders: ['Idempotency-KEY', 'a', 'Host', 'idempotency-key', 'idempotency-key', 'b'] };
    expect(headerValues(raw, 'idempotency-key')).toEqual(['a', 'b']);
  });

  class Thing {
    @IsJsonObject()
    own!: object;
  }
  const command = { method: 'POST', url: '/api/things', body: { a: 1, own: { c: [1, 2], d: null } } };
  const print = (change: { method?: string; url?: string; body?: unknown }) => fingerprintOf({ ...command, ...change });

  test('the fingerprint is that of the same command', () => {
    const same = [print({ body: { own: { d: null, c: [1, 2] }, a: 1 } }), print({ url: '/api/things?wait=1' })];
    expect(new Set([print({}), ...same]).size).toBe(1);
    expect(print({})).toMatch(/^[0-9a-f]{64}$/);
    expect(print({ body: undefined })).toBe(print({ body: {} }));
    const id = '018f4b6e-7a3c-7d21-9b0e-5c1d2e3f4a5b';
    expect(print({ url: `/api/things/${id.toUpperCase()}` })).toBe(print({ url: `/api/things/${id}` }));
  });

  test('null and absent are the same wish, but in a PATCH and in objects of the caller’s own making', () => {
    expect(new Thing()).toBeDefined();
    const body = { a: 1, b: null, filter: { type: null, deep: { er: null } } };
    expect(print({ body })).toBe(print({ body: { a: 1, filter: { deep: {} } } }));
    expect(print({ body: { a: null } })).toBe(print({ body: undefined }));
    expect(print({ body: { own: { x: null } } })).not.toBe(print({ body: { own: {} } }));
    expect(print({ method: 'PATCH', body: { a: null } })).not.toBe(print({ method: 'PATCH', body: {} }));
  });

  test('the fingerprint of another command is another one', () => {
    const others = [
      print({}),
      print({ method: 'PATCH' }),
      print({ url: '/api/thing' }),
      print({ body: { a: 1, own: { c: [2, 1], d: null } } }),
      print({ body: { a: '1', own: { c: [1, 2], d: null } } }),
      print({ body: { a: 1, own: { c: [1, 2] } } }),
      print({ body: {} }),
      print({ method: 'PATCH', body: { a: null } }),
      print({ method: 'PATCH', body: {} }),
      print({ body: { a: [null] } }),
      print({ body: { a: [] } }),
    ];
    expect(new Set(others).size).toBe(others.length);
  });

  test('key and fingerprint come together', () => {
    const raw = { rawHeaders: ['Idempotency-Key', 'k1'] } as Parameters<typeof idempotencyOf>[0]['raw'];
    expect(idempotencyOf({ ...command, raw })).toEqual({ key: 'k1', fingerprint: print({}) });
  });
});

describe('canonical JSON', () => {
  test('is JSON of the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.jsonValue()), { maxLength: 20 }), (entries) => {
        const unique = [...new Map(entries)];
        expect(canonicalJson(Object.fromEntries(unique))).toBe(canonicalJson(Object.fromEntries(unique.reverse())));
      }),
    );
  });

  test('sorts at every level', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 'x"' }, []], a: {} })).toBe('{"a":{},"b":[{"c":"x\\"","d":1},[]]}');
  });

  test('has no limit of depth', () => {
    const text = '{"a":['.repeat(100_000) + ']}'.repeat(100_000);
    expect(canonicalJson(JSON.parse(text))).toBe(text);
  });
});

describe('Prefer', () => {
  test.each([
    [[], 10],
    [['wait=5'], 5],
    [['WAIT=5'], 5],
    [['wait = 5'], 5],
    [['wait="5"'], 5],
    [['wait=0'], 0],
    [['wait=61'], 60],
    [['wait=99999999999999999999999'], 60],
    [['return=minimal, wait=7; x=y, other'], 7],
    [['a="x, wait=3", wait=8'], 8],
    [['a="\\"", wait=8'], 8],
    [['return=minimal', 'wait=9'], 9],
    [['wait=4, wait=20'], 4],
    [['respond-async'], 0],
    [['Respond-Async, handling=lenient'], 0],
    [['respond-async, wait=20'], 20],
    [[''], 10],
    [[',, wait=3'], 3],
    [['wait'], 10],
    [['wait=-1'], 10],
    [['wait=1.5'], 10],
    [['wait=abc'], 10],
    [['wait="'], 10],
    [['= = ='], 10],
    [['foo bar wait=3'], 10],
    [['wait;x=1'], 10],
  ])('%j: %i', (values, seconds) => {
    expect(parsePreferWait(values)).toBe(seconds);
  });

  test('never fails, and takes no time over any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'wait=5",;\\ a'.split('')), maxLength: 200 }), (text) => {
        const seconds = parsePreferWait([text]);
        expect(seconds >= 0 && seconds <= 60).toBe(true);
      }),
    );
    const start = performance.now();
    for (const text of [' ', ';', ' ;', '; ', 'a=" ', '"\\', 'a ', ',', 'a;', ' , '])
      parsePreferWait([`a${text.repeat(8_000)}\0`]);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe('If-Match', () => {
  test.each([
    [[], null],
    [['*'], null],
    [['3'], 3],
    [['"3"'], 3],
    [['0'], 0],
  ])('%j: %s', (values, version) => {
    expect(parseIfMatch(values)).toBe(version);
  });

  test.each(['', 'x', '-1', '1.5', '"3', 'W/"3"', '"3", "4"', '9007199254740992', '1e3'])('%s is refused', (value) => {
    expect(refusal(() => parseIfMatch([value]))).toBe('If-Match');
  });

  test('twice is refused', () => expect(refusal(() => parseIfMatch(['1', '1']))).toBe('If-Match'));
});

describe('X-Min-Position', () => {
  test('a position, or none', () => {
    expect(parseMinPosition([])).toBeNull();
    expect(parseMinPosition(['0'])).toBe(0);
    expect(parseMinPosition(['9007199254740991'])).toBe(Number.MAX_SAFE_INTEGER);
  });

  test.each(['', '-1', '1.0', '9007199254740992', '"1"', 'pos:1', '0x10'])('%s is refused', (value) => {
    expect(refusal(() => parseMinPosition([value]))).toBe('X-Min-Position');
  });
});
