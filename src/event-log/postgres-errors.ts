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
  if (/^(08|57P0[1-5]|53300)/.test(code)) return true;
  if (NETWORK_ERRORS.has(code)) return true;
  // pg gives these errors no code.
  return (
    isObject(error) &&
    'message' in error &&
    typeof error.message === 'string' &&
    /connection terminated|connection error|timeout exceeded when trying to connect|connection ended/i.test(
      error.message,
    )
  );
}

/** Another transaction was in the way; the same statement may succeed now. */
export function isContention(error: unknown): boolean {
  return ['40001', '40P01', '55P03'].includes(codeOf(error));
}

/** Not `instanceof Error`: an error may come from another realm, as Node's own do where tests run in a context. */
function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
