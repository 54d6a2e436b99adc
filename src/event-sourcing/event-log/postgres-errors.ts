/** SQLSTATE of an error that Postgres sent, else the code that Node gave it, else ''. */
function codeOf(error: unknown): string {
  return isObject(error) && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const NETWORK_ERRORS = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'],
  ...['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN'],
]);

/** The server or the way to it went away, or it takes no more connections: whether the statement took effect is not known. */
export function isConnectionFailure(error: unknown): boolean {
  const code = codeOf(error);
  if (/^(08|57P0[1-5]|53300|25P0[34])/.test(code)) return true;
  if (NETWORK_ERRORS.has(code)) return true;
  // pg gives these errors no code.
  return (
    isObject(error) &&
    'message' in error &&
    typeof error.message === 'string' &&
    /connection terminated|connection error|timeout exceeded when trying to connect|connection ended|query read timeout|timeout expired/i.test(
      error.message,
    )
  );
}

/** Another transaction was in the way; the same statement may succeed now. */
export function isContention(error: unknown): boolean {
  return ['40001', '40P01', '55P03'].includes(codeOf(error));
}

/** Why a database that answers does not do what it is asked: a condition of its own, which somebody or time ends. */
export type Inability = 'read_only' | 'full' | 'overloaded';

const INABILITIES: readonly (readonly [RegExp, Inability])[] = [
  // A standby, a primary that was demoted, or default_transaction_read_only.
  [/^25006/, 'read_only'],
  [/^53100/, 'full'],
  // Out of memory, a limit of its configuration, or a statement that took longer than it allows.
  [/^(53[0-24-9]|57014)/, 'overloaded'],
];

export function inabilityOf(error: unknown): Inability | null {
  const code = codeOf(error);
  if (code === '58030' && isObject(error) && 'message' in error && /no space left/i.test(String(error.message))) {
    return 'full';
  }
  return INABILITIES.find(([codes]) => codes.test(code))?.[1] ?? null;
}

/** Not `instanceof Error`: an error may come from another realm, as Node's own do where tests run in a context. */
function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
