/** What can be wrong with a request, or with who sends it, whatever it asks for. */
export const REQUEST_ERRORS = {
  validation_failed: {
    status: 400,
    title: 'The request is not valid.',
    remedy: 'Correct the fields named in `errors`.',
  },
  malformed_json: {
    status: 400,
    title: 'The body is not JSON.',
    remedy: 'Send one JSON object, encoded as UTF-8.',
  },
  malformed_request: {
    status: 400,
    title: 'The request is not valid HTTP.',
    remedy: 'See `detail`.',
  },
  payload_too_large: {
    status: 413,
    title: 'The body is too large.',
    remedy: 'Send at most 1 MiB.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The media type of the body is not supported.',
    remedy: 'Send a `Content-Type` that is named in `detail`.',
  },
  uri_too_long: {
    status: 414,
    title: 'The address is too long.',
    remedy: 'Send a shorter path and query.',
  },
  headers_too_large: {
    status: 431,
    title: 'The headers are too large.',
    remedy: 'Send at most 16 KiB of request line and headers.',
  },
  request_timeout: {
    status: 408,
    title: 'The request did not arrive in time.',
    remedy: 'Send the whole request within 30 seconds.',
  },
  route_not_found: {
    status: 404,
    title: 'Route not found.',
    remedy: 'See /api/docs for the routes.',
  },
  method_not_allowed: {
    status: 405,
    title: 'The route does not support the method.',
    remedy: 'Use one of the methods in `Allow`.',
  },
  unauthenticated: {
    status: 401,
    title: 'The request has no valid token.',
    remedy: 'Send `Authorization: Bearer lh_…` with a token that is neither revoked nor expired.',
  },
  permission_denied: {
    status: 403,
    title: 'The token does not allow this.',
    remedy: 'Use a token with the permission named in `detail`.',
  },
  foreign_host: {
    status: 403,
    title: 'The `Host` of the request is not allowed.',
    remedy: 'Use the service’s own address, or add the host to `LEASEHOLD_ALLOWED_HOSTS`.',
  },
  foreign_origin: {
    status: 403,
    title: 'The `Origin` of the request is not allowed.',
    remedy: 'If the origin is yours, add it to `LEASEHOLD_ALLOWED_ORIGINS`.',
  },
} as const;
