/** What an operator mends, or time does, whatever was asked for. */
export const OPERATIONAL_ERRORS = {
  overloaded: {
    status: 503,
    title: 'The service is overloaded.',
    remedy: 'Retry after the seconds in `Retry-After`.',
  },
  database_unavailable: {
    status: 503,
    title: 'The database cannot be reached.',
    remedy: 'Retry with the same `Idempotency-Key`: the command may have been recorded.',
  },
  database_read_only: {
    status: 503,
    title: 'The database does not accept writes.',
    remedy: 'Retry later; nothing was recorded. /api/ready shows the reason to operators.',
  },
  database_full: {
    status: 507,
    title: 'The database has no space left.',
    remedy: 'Retry once an operator has freed space on its disk. Nothing was recorded.',
  },
  database_overloaded: {
    status: 503,
    title: 'The database is overloaded.',
    remedy: 'Retry after the seconds in `Retry-After`. Nothing was recorded.',
  },
  recorded_by_newer_release: {
    status: 503,
    title: 'A newer release of the service recorded this, and this release does not understand it.',
    remedy: 'Run the newer release, then retry. Nothing was recorded.',
  },
  shutting_down: {
    status: 503,
    title: 'The service is shutting down.',
    remedy: 'Retry after the seconds in `Retry-After`. Nothing was done.',
  },
  service_stopping: {
    status: 503,
    title: 'The service stopped before the request was complete.',
    remedy: 'Check the outcome, or retry with the same Idempotency-Key after the seconds in `Retry-After`.',
  },
  internal_error: {
    status: 500,
    title: 'Internal error.',
    remedy: 'Report it with its `requestId`.',
  },
} as const;
