import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { failureText } from '../../../src/domain/driver-contract/failure-text.js';
import { anyText } from '../../support/any-text.js';

describe('what a driver’s error says', () => {
  it.each<[string, unknown, string]>([
    ['the message of an error', new Error('connection refused'), 'connection refused'],
    ['text', 'no capacity', 'no capacity'],
    ['anything else as text', 42, '42'],
    ['several lines as one', new Error('first\r\n\tsecond\0'), 'first second '],
  ])('is %s', (_case, error, text) => {
    expect(failureText(error)).toBe(text);
  });

  it('is cut, but not within a character: Postgres would refuse half of one, and with it the whole append', () => {
    expect(failureText(new Error(`${'x'.repeat(999)}😀`))).toBe(`${'x'.repeat(999)} `);
    expect(failureText(new Error('half of one: \ud83d'))).toBe('half of one:  ');
  });

  it('can always be stored and shown in a line', () => {
    fc.assert(
      fc.property(anyText, (end) => {
        const text = failureText(new Error('x'.repeat(995) + end));
        expect(text.length).toBeLessThanOrEqual(1_000);
        expect(text).not.toMatch(/[\p{Cc}\p{Surrogate}]/u);
      }),
    );
  });
});
