import { DriverError } from '../drivers/driver-error.js';

/**
 * Gives the work a signal that is aborted when the budget is used up or `stop` is, and waits no longer than a moment
 * after that: a driver that does not heed its signal must not hold a worker for ever.
 * @throws DriverError budget_exceeded (transient, in doubt)
 */
export async function withinBudget<T>(
  budgetMs: number,
  stop: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const budget = new AbortController();
  const timer = setTimeout(() => budget.abort(exceeded(budgetMs)), budgetMs);
  const signal = AbortSignal.any([budget.signal, stop]);
  let deaf: NodeJS.Timeout | undefined;
  const givenUp = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      deaf = setTimeout(() => reject(signal.reason as Error), GRACE_MS);
    });
  });
  try {
    return await Promise.race([work(signal), givenUp]);
  } catch (error) {
    // A driver that was stopped may say so in its own words.
    throw budget.signal.aborted ? exceeded(budgetMs) : error;
  } finally {
    clearTimeout(timer);
    clearTimeout(deaf);
  }
}

const GRACE_MS = 2_000;

function exceeded(budgetMs: number): DriverError {
  return new DriverError('transient', 'budget_exceeded', `It took longer than its budget of ${budgetMs} ms.`, true);
}
