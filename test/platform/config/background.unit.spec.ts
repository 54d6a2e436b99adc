import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Background } from '../../../src/platform/config/background.js';

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

test('work is done one run at a time, and a stop waits for the run under way', async () => {
  const [started, end] = [deferred(), deferred()];
  let runs = 0;
  const recurring = new Background().every(
    'a part',
    1,
    () => {
      runs += 1;
      started.resolve();
      return end.promise;
    },
    {},
  );
  await started.promise;
  await pause(20);
  let isStopped = false;
  const stopped = recurring.stop().then(() => (isStopped = true));
  await pause(5);
  expect([runs, isStopped]).toEqual([1, false]);
  end.resolve();
  await stopped;
  await pause(20);
  expect(runs).toBe(1);
});

test('work that fails again and again is a problem until it succeeds, and each failure is heard', async () => {
  const background = new Background();
  const heard: unknown[] = [];
  const mended = deferred();
  let fails = true;
  const work = (): Promise<void> => {
    if (fails) return Promise.reject(new Error('away'));
    mended.resolve();
    return Promise.resolve();
  };
  const failedThrice = deferred();
  const warn = (error: unknown): void => {
    heard.push(error);
    if (heard.length === 3) failedThrice.resolve();
  };
  const recurring = background.every('a part', 1, work, { warn, atOnce: true });
  await failedThrice.promise;
  expect(background.problems).toEqual(['a part fails: away']);
  fails = false;
  await mended.promise;
  await recurring.stop();
  expect(background.problems).toEqual([]);
  expect(heard[0]).toEqual(new Error('away'));
});
