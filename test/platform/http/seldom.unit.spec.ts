import { expect, test } from '@jest/globals';
import { Seldom } from '../../../src/platform/http/seldom.js';

test('one line of a kind passes in ten seconds; the next tells how many there were', () => {
  const lines: string[] = [];
  let now = 0;
  const seldom = new Seldom(
    (line) => void lines.push(line),
    () => now,
  );
  for (let count = 0; count < 100; count += 1) seldom.say('a', `a ${count}`);
  seldom.say('b', 'b');
  now = 10_000;
  seldom.say('a', 'a again');
  now = 20_000;
  seldom.say('a', 'a at last');
  expect(lines).toEqual(['a 0', 'b', 'a again (and 99 more like the last one since)', 'a at last']);
});
