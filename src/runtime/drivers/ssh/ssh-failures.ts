import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import { failureText } from '../../../domain/driver-contract/failure-text.js';

export function notAnswering(name: string, budgetMs: number): DriverError {
  const message = `${name} accepts connections but does not answer within ${budgetMs} ms.`;
  return new DriverError('transient', 'host_not_answering', message, false);
}

export function broken(name: string, why: string, inDoubt = true): DriverError {
  return new DriverError('transient', 'connection_lost', `${name}: ${why}.`, inDoubt);
}

/** What ssh2 gives an error for a channel that the host does not open, and no other error: RFC 4254, 5.1. */
export function isRefusal(error: Error): error is Error & { readonly reason: number } {
  return 'reason' in error && typeof error.reason === 'number';
}

/** @param wanted what the host would have instead of the key, or besides */
export function failureToConnect(
  error: unknown,
  name: string,
  username: string,
  wanted: { readonly methods: readonly string[]; readonly isSecondFactor: boolean },
): DriverError {
  if (error instanceof DriverError) return error;
  const { level } = error as { level?: string };
  if (level === 'client-authentication') {
    const methods = wanted.methods.join(', ');
    const why = wanted.isSecondFactor
      ? `takes the key of ${username} and wants a second factor (${methods}), which is not supported`
      : wanted.methods.length > 0 && !wanted.methods.includes('publickey')
        ? `does not let ${username} in with a key, only by ${methods}, which is not supported`
        : `does not let ${username} in with this key`;
    return new DriverError('auth', 'authentication_failed', `${name} ${why}.`, false);
  }
  return broken(name, failureText(error), false);
}
