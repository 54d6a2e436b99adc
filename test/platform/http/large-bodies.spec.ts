import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { keptMemory, usedMemory } from '../../support/memory.js';
import { turns } from '../../support/soak.js';
import { serveThings, type ServedApp } from './support.js';

const MIB = 1024 * 1024;
/** As often as an empty request a large one may hold the event loop. */
const TIMES_AN_EMPTY_ONE = 200;
/** By so much may memory grow for one body. */
const MAX_GROWTH = 64 * MIB;
/** Less than one copy of each body. */
const MAX_KEPT = 8 * MIB;

let served: ServedApp;
beforeAll(async () => {
  served = await serveThings();
});
afterAll(() => served?.app.close());

/** @returns how long it took, in milliseconds; client and service share the event loop. */
async function post(body: string): Promise<number> {
  const begun = performance.now();
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${served.url}/api/things`, { method: 'POST', headers, body });
  await response.text();
  expect(response.status).toBeLessThan(500);
  return performance.now() - begun;
}

const filled = (size: number, part: (index: number) => string): string[] => {
  const parts: string[] = [];
  for (let length = 0; ; parts.push(part(parts.length))) {
    length += part(parts.length).length + 1;
    if (length > size) return parts;
  }
};
const nested = (size: number, open: string, close: string): string => {
  const depth = Math.floor(size / (open.length + close.length));
  return `${open.repeat(depth)}1${close.repeat(depth)}`;
};
const SHAPES: Readonly<Record<string, (size: number) => string>> = {
  names: (size) => `{${filled(size, (index) => `"k${index}":1`).join()}}`,
  'names of metadata': (size) => `{"name":"a","config":{${filled(size, (index) => `"k${index}":{}`).join()}}}`,
  items: (size) => `{"name":[${filled(size, () => '0').join()}]}`,
  objects: (size) => `{"name":"a","mounts":[${filled(size, () => '{"path":1}').join()}]}`,
  arrays: (size) => `{"name":"a","mounts":${nested(size, '[', ']')}}`,
  depth: (size) => `{"name":"a","config":${nested(size, '{"a":', '}')}}`,
  'a long text': (size) => `{"name":"${'x'.repeat(size)}"}`,
  escapes: (size) => `{"name":"${String.raw`\"`.repeat(size / 2)}"}`,
  backslashes: (size) => `{"name":"${'\\'.repeat(size)}`,
  'a long name': (size) => `{"${'x'.repeat(size)}":1}`,
  'a long number': (size) => `{"name":${'1'.repeat(size)}}`,
  'numbers that do not fit': (size) => `{"config":[${filled(size, () => '-0').join()}]}`,
};

test('M7: no body up to 1 MiB holds the event loop or takes much memory, whatever it is made of', async () => {
  const empty: number[] = [];
  for (let turn = 0; turn < 40; turn += 1) empty.push(await post('{}'));
  const usual = empty.sort((one, other) => one - other)[20] ?? 0;
  const shape = fc.tuple(fc.constantFrom(...Object.keys(SHAPES)), fc.nat(MIB - 100));
  const check = async ([name, size]: [string, number]): Promise<void> => {
    const body = SHAPES[name]?.(size) ?? '';
    const before = keptMemory();
    const isHeld = async (): Promise<boolean> => (await post(body)) > TIMES_AN_EMPTY_ONE * usual;
    // Once it may have been another process's turn.
    const held = (await isHeld()) && (await isHeld());
    const grew = usedMemory() - before > MAX_GROWTH;
    expect({ name, held, grew }).toEqual({ name, held: false, grew: false });
  };
  const first = keptMemory();
  await fc.assert(fc.asyncProperty(shape, check), {
    ...turns(20, 1_000),
    endOnFailure: true,
    examples: Object.keys(SHAPES).map((name) => [[name, MIB - 100]]),
  });
  expect(keptMemory() - first).toBeLessThan(MAX_KEPT);
});
