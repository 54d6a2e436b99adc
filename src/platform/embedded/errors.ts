/** The embedded Postgres cannot be had; the message says why and which ways out there are. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}

export const USE_YOUR_OWN = 'set DATABASE_URL to a Postgres of your own';

export function textOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(textOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

/** An errno name (`ENOENT`) or a SQLSTATE (`57P03`), whichever the error carries. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
