import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MasterKey, randomKey } from '../../../src/domain/secrets/master-key.js';

const PLACE = {
  companyId: 'c0000000-0000-7000-8000-000000000001',
  secretId: 'a0000000-0000-7000-8000-000000000001',
  version: 1,
};
const VALUE = Buffer.from('a value');
const key = new MasterKey(randomKey());

describe('a sealed value', () => {
  it('is opened by its key for its place, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uuid(), fc.uuid(), fc.nat(), (value, companyId, secretId, version) => {
        const place = { companyId, secretId, version };
        const bytes = Buffer.from(value);
        expect(key.open(key.seal(bytes, place), place)).toEqual(bytes);
      }),
    );
  });

  it.each([
    ['company', { ...PLACE, companyId: 'c0000000-0000-7000-8000-000000000002' }],
    ['secret', { ...PLACE, secretId: 'a0000000-0000-7000-8000-000000000002' }],
    ['version', { ...PLACE, version: 2 }],
  ])('is not opened for another %s', (_part, place) => {
    expect(() => key.open(key.seal(VALUE, PLACE), place)).toThrow('unable to authenticate');
  });

  it('is not opened by another key', () => {
    expect(() => new MasterKey(randomKey()).open(key.seal(VALUE, PLACE), PLACE)).toThrow('unable to authenticate');
  });

  it('is not opened when any byte of it has changed', () => {
    const sealed = key.seal(VALUE, PLACE);
    for (const part of ['nonce', 'ciphertext'] as const) {
      for (let at = 0; at < sealed[part].length; at += 1) {
        const changed = Buffer.from(sealed[part]);
        changed[at]! ^= 1;
        expect(() => key.open({ ...sealed, [part]: changed }, PLACE)).toThrow('unable to authenticate');
      }
    }
  });

  it('is not opened when its end is missing', () => {
    const sealed = key.seal(VALUE, PLACE);
    for (let length = 0; length < sealed.ciphertext.length; length += 1) {
      expect(() => key.open({ ...sealed, ciphertext: sealed.ciphertext.subarray(0, length) }, PLACE)).toThrow();
    }
  });

  it('looks different each time', () => {
    const [first, second] = [key.seal(VALUE, PLACE), key.seal(VALUE, PLACE)];
    expect(first.nonce).not.toEqual(second.nonce);
    expect(first.ciphertext).not.toEqual(second.ciphertext);
  });
});

describe('a master key', () => {
  it('has the same name wherever it is, and shows nothing else', () => {
    const base64 = randomKey();
    const [here, there] = [new MasterKey(base64), new MasterKey(base64)];
    expect(here.id).toBe(there.id);
    expect(here.id).toMatch(/^[0-9a-f]{16}$/);
    const shown = inspect(here, { depth: 9, showHidden: true }) + JSON.stringify(here);
    expect(shown).not.toContain(base64);
    expect(shown).not.toContain(Buffer.from(base64, 'base64').toString('hex'));
    expect(base64).not.toContain(here.id);
  });
});
