import { expect, test } from '@jest/globals';
import { Pace, type PaceClock } from '../../../src/platform/http/pace.js';

/** Time that passes when it is told to. */
class Time implements PaceClock {
  private at = 0;
  private due: { readonly at: number; readonly then: () => void }[] = [];

  now(): number {
    return this.at;
  }

  after(ms: number, then: () => void): void {
    this.due.push({ at: this.at + ms, then });
  }

  pass(ms: number): void {
    const end = this.at + ms;
    for (;;) {
      const next = this.due.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
      if (!next) break;
      this.due = this.due.filter((one) => one !== next);
      this.at = next.at;
      next.then();
    }
    this.at = end;
  }
}

test('what is said a thousand times a second costs less than a line a second, and nothing else is lost by it', () => {
  const time = new Time();
  const pace = new Pace(time);
  const lines: string[] = [];
  const say = (text: string): void => pace.say(text, (suffix) => lines.push(text + suffix));
  for (let second = 0; second < 60; second += 1) {
    for (let n = 0; n < 1_000; n += 1) say(`Http: GET /api/environment-leases/${second}a-${n} [r${n}] failed`);
    if (second === 30) say('Engine: something else');
    time.pass(1_000);
  }
  pace.writeAll();
  expect(lines.length).toBeLessThan(10);
  expect(lines).toContain('Engine: something else');
  const times = lines.map((line) => Number(/\((\d+) times\)$/.exec(line)?.[1] ?? 1));
  expect(times.reduce((sum, count) => sum + count)).toBe(60_001);
});

test('many different lines at once are all written, two seconds apart', () => {
  const time = new Time();
  const pace = new Pace(time);
  const lines: string[] = [];
  for (const name of 'abcdefghij') pace.say(name, () => lines.push(name));
  expect(lines).toEqual(['a', 'b']);
  time.pass(5_000);
  expect(lines).toEqual(['a', 'b', 'c', 'd']);
  time.pass(60_000);
  expect(lines.join('')).toBe('abcdefghij');
});
