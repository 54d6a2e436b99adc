import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { recordedArgs } from '../../../src/runtime/execution/recorded-args.js';

const sha256 = (args: readonly string[]): string =>
  createHash('sha256')
    .update(args.map((arg) => `${arg}\0`).join(''))
    .digest('hex');

describe('the arguments that are recorded of a command', () => {
  test.each([[[]], [['-c', 'exit 3', '', 'ü\n']], [['x'.repeat(8_192)]]])('are all of them, up to some KB', (args) => {
    expect(recordedArgs(args)).toEqual({ args, argsCut: null });
  });

  test('are the beginning of the long ones, and what tells the whole', () => {
    const args = ['-c', 'a'.repeat(100_000), 'sh', 'b'.repeat(100_000), 'last'];
    const share = (8_192 - '-cshlast'.length) / 2;
    expect(recordedArgs(args)).toEqual({
      args: ['-c', 'a'.repeat(share), 'sh', 'b'.repeat(share), 'last'],
      argsCut: { bytes: 200_000 - 2 * share, sha256: sha256(args) },
    });
  });

  test.each([
    ['eight of the longest', Array.from({ length: 8 }, () => 'x'.repeat(125_000))],
    ['as many as there may be', Array.from({ length: 1_000 }, () => 'y'.repeat(1_000))],
    ['characters of two code units', ['🎈'.repeat(10_001), 'x', '🎈'.repeat(10_000)]],
  ])('stay small: %s', (_, args) => {
    const recorded = recordedArgs(args);
    expect(recorded.args.join('').length).toBeLessThanOrEqual(8_192);
    expect(recorded.args).toHaveLength(args.length);
    recorded.args.forEach((arg, place) => expect(args[place]?.startsWith(arg)).toBe(true));
    // A character that was cut in half would not come back.
    expect(recorded.args.map((arg) => Buffer.from(arg).toString())).toEqual(recorded.args);
    expect(recorded.argsCut?.sha256).toBe(sha256(args));
  });
});
