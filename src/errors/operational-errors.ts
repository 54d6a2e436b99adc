/** What an operator mends, or time does, whatever was asked for. */
export const OPERATIONAL_ERRORS = {
  overloaded: {
    status: 503,
    title: 'The service has too much to do.',
    remedy: 'Try again after the seconds in `Retry-After`.',
  },
  database_unavailable: {
    status: 503,
    title: 'The database cannot be reached.',
    remedy: 'Try again. Whether the command was recorded is not known: repeat it with the same `Idempotency-Key`.',
  },
  database_read_only: {
    status: 503,
    title: 'The database takes no writes.',
    remedy: 'Try again; nothing was recorded. An operator finds the reason in /api/ready.',
  },
  database_full: {
    status: 507,
    title: 'The database has no space left.',
    remedy: 'Try again once an operator has made room on its disk; nothing was recorded.',
  },
  database_overloaded: {
    status: 503,
    title: 'The database has too much to do.',
    remedy: 'Try again after the seconds in `Retry-After`; nothing was recorded.',
  },
  recorded_by_newer_release: {
    status: 503,
    title: 'A newer release of the service recorded this, and this release does not understand it.',
    remedy: 'Run the newer release, and send the request again. Nothing was recorded.',
  },
  shutting_down: {
    status: 503,
    title: 'The service is shutting down.',
    remedy: 'Try again after the seconds in `Retry-After`; nothing was done.',
  },
  service_stopping: {
    status: 503,
    title: 'The service stopped before the request had come to its end.',
    remedy:
      'Look what has become of it, or send it again with the same Idempotency-Key after the seconds in `Retry-After`.',
  },
  internal_error: {
    status: 500,
    title: 'The service made a mistake.',
    remedy: 'Report it with the `requestId`.',
  },
} as const;
