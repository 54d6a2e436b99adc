import { DriverError } from '../../domain/driver-contract/driver-error.js';

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
  // Not `AbortSignal.any`: Node keeps such a signal for good, with all that hangs on it, once somebody listens to it.
  const over = new AbortController();
  const exceeded = budgetExceeded(budgetMs);
  const timer = setTimeout(() => over.abort(exceeded), budgetMs);
  const onStop = (): void => over.abort(stop.reason);
  stop.addEventListener('abort', onStop);
  if (stop.aborted) onStop();
  let deaf: NodeJS.Timeout | undefined;
  const givenUp = new Promise<never>((_resolve, reject) => {
    over.signal.addEventListener('abort', () => {
      deaf = setTimeout(() => reject(over.signal.reason as Error), GRACE_MS);
    });
  });
  try {
    return await Promise.race([work(over.signal), givenUp]);
  } catch (error) {
    // A driver that was stopped may say so in its own words.
    throw over.signal.reason === exceeded ? exceeded : error;
  } finally {
    stop.removeEventListener('abort', onStop);
    clearTimeout(timer);
    clearTimeout(deaf);
  }
}

const GRACE_MS = 2_000;

function budgetExceeded(budgetMs: number): DriverError {
  return new DriverError('transient', 'budget_exceeded', `It took longer than its budget of ${budgetMs} ms.`, true);
}
