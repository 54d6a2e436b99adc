import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Turns } from '../../../src/event-sourcing/commands/turns.js';

test('of one name it is one after another, in the order of their coming; of several, at once', async () => {
  const turns = new Turns();
  const told: string[] = [];
  const work = (text: string) => async () => {
    told.push(`${text} begins`);
    await pause(5);
    told.push(`${text} ends`);
  };
  await Promise.all([turns.take('a', work('a1')), turns.take('a', work('a2')), turns.take('b', work('b1'))]);
  expect(told.filter((text) => text.startsWith('a'))).toEqual(['a1 begins', 'a1 ends', 'a2 begins', 'a2 ends']);
  expect(told.indexOf('b1 begins')).toBeLessThan(told.indexOf('a1 ends'));
});

test('what one of them does or throws is its own affair', async () => {
  const turns = new Turns();
  const outcomes = await Promise.allSettled([
    turns.take('a', () => Promise.reject(new Error('broken'))),
    turns.take('a', () => Promise.resolve('done')),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(await turns.take('a', () => Promise.resolve('later'))).toBe('later');
});
