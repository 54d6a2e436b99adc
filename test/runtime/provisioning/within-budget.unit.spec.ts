import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { withinBudget } from '../../../src/runtime/provisioning/within-budget.js';

test('R2: an attempt that has ended leaves nothing behind, neither on the signal that outlives it nor in memory', async () => {
  const stop = new AbortController();
  const signals: WeakRef<AbortSignal>[] = [];
  for (let attempt = 0; attempt < 100; attempt += 1) {
    await withinBudget(60_000, stop.signal, (signal) => {
      signal.addEventListener('abort', () => signals.length);
      signals.push(new WeakRef(signal));
      return Promise.resolve();
    });
  }
  expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await new Promise((resolve) => setTimeout(resolve, 0));
  collect();
  // One may still be in a register.
  expect(signals.filter((signal) => signal.deref() !== undefined).length).toBeLessThan(3);
});

test('what stops it, and its budget, reach the work, and the budget says that it was it', async () => {
  const stop = new AbortController();
  const work = (signal: AbortSignal): Promise<never> =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('in its own words')));
    });
  const stopped = withinBudget(60_000, stop.signal, work);
  stop.abort(new Error('released'));
  await expect(stopped).rejects.toThrow('in its own words');
  await expect(withinBudget(10, new AbortController().signal, work)).rejects.toMatchObject({
    reasonCode: 'budget_exceeded',
  });
});
