import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import { readLines } from '../../../../src/runtime/drivers/plugin/json-lines.js';

test('lines are the same wherever their bytes are cut, and one that is too long is left out', () => {
  const text = 'one\n\n {"ü": 1} \n12345678901234567890\nlast but one\nrest';
  for (const size of [1, 2, 7, 1_000]) {
    const stream = new PassThrough();
    const lines: string[] = [];
    readLines(
      stream,
      15,
      (line) => lines.push(line),
      () => lines.push('too long'),
    );
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += size) stream.emit('data', bytes.subarray(at, at + size));
    expect(lines).toEqual(['one', '{"ü": 1}', 'too long', 'last but one']);
  }
});

test('a line that comes byte by byte takes memory as its bytes do', () => {
  const stream = new PassThrough();
  let length = 0;
  readLines(
    stream,
    64 * 1024 ** 2,
    (line) => (length = line.length),
    () => undefined,
  );
  const before = process.memoryUsage().rss;
  for (let sent = 0; sent < 1_000_000; sent += 1) stream.emit('data', Buffer.alloc(1, 'x'));
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 ** 2);
  stream.emit('data', Buffer.from('\n'));
  expect(length).toBe(1_000_000);
});
