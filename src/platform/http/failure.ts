import { HttpException } from '@nestjs/common';
import { ERRORS, LeaseholdError, type ErrorCode } from '../../errors/catalogue.js';
import {
  inabilityOf,
  isConnectionFailure,
  isContention,
  LogOverloadedError,
  LogUnavailableError,
  UnknownEventError,
  type Inability,
} from '../../event-sourcing/event-log/index.js';
import type { Failure } from './problem.js';

/** Fastify's own refusals, by its error codes. Its sentences name its internals, so that these are ours. */
const FASTIFY_ERRORS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'The body is larger than 1 MiB.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'The Content-Type is not a media type such as application/json.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['malformed_request', 'The length of the body differs from Content-Length.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed_json', 'The body is empty.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['malformed_json', 'The body is not valid JSON.'],
  FST_ERR_BAD_URL: ['malformed_request', 'The path has a percent sign that does not begin an encoded UTF-8 character.'],
  FST_ERR_MAX_PARAM_LENGTH: ['uri_too_long', 'A part of the path is too long.'],
};

const CODE_BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'validation_failed',
  403: 'route_not_found',
  404: 'route_not_found',
  408: 'request_timeout',
  413: 'payload_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  431: 'headers_too_large',
};

/** What a caller may know about an error; null when it is a mistake of this service, which nobody outside may read. */
export function failureOf(error: unknown): Failure | null {
  if (error instanceof LeaseholdError) return failure(error.code, error.message, error.facts);
  if (error instanceof LogOverloadedError)
    return failure('overloaded', 'Too many commands are waiting to be recorded.');
  if (error instanceof LogUnavailableError) return databaseUnavailable();
  if (error instanceof UnknownEventError) return failure('recorded_by_newer_release', error.message);
  if (error instanceof HttpException) return failureOfHttpException(error);
  return failureOfFastify(error) ?? failureOfDatabase(error);
}

export const INTERNAL_FAILURE: Failure = failure('internal_error', 'An unexpected error happened.');

function failure(code: ErrorCode, detail: string, facts: Failure['facts'] = {}): Failure {
  return { code, detail, facts };
}

function failureOfHttpException(exception: HttpException): Failure | null {
  const fastify = failureOfFastify(exception.cause);
  if (fastify) return fastify;
  const status = exception.getStatus();
  if (status < 400 || status >= 500) return null;
  const code = CODE_BY_STATUS[status] ?? 'malformed_request';
  return failure(code, exception.message || ERRORS[code].title);
}

function failureOfFastify(error: unknown): Failure | null {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return null;
  const known = 'code' in error && typeof error.code === 'string' ? FASTIFY_ERRORS[error.code] : undefined;
  if (known) return failure(...known);
  // Whatever else carries a 4xx was met while the request was read, such as a connection that broke off in the body.
  const { statusCode } = error;
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return null;
  const code = statusCode === 400 ? 'malformed_request' : (CODE_BY_STATUS[statusCode] ?? 'malformed_request');
  return failure(code, ERRORS[code].title);
}

const INABILITIES: Readonly<Record<Inability, Failure>> = {
  read_only: failure('database_read_only', 'The database is read-only at the moment.'),
  full: failure('database_full', 'The disk of the database is full.'),
  overloaded: failure('database_overloaded', 'The database ran out of a resource or of time.'),
};

/** What an operator mends or time does; the log says it seldom, for it holds for all requests. */
export const OPERATIONAL: ReadonlySet<ErrorCode> = new Set([
  'database_unavailable',
  'database_read_only',
  'database_full',
  'database_overloaded',
  'recorded_by_newer_release',
]);

function failureOfDatabase(error: unknown): Failure | null {
  const inability = inabilityOf(error);
  if (inability !== null) return INABILITIES[inability];
  if (isConnectionFailure(error) && !isMissingFile(error)) return databaseUnavailable();
  if (isContention(error)) return failure('overloaded', 'Other commands kept interfering.');
  return null;
}

function databaseUnavailable(): Failure {
  return failure('database_unavailable', 'The database did not answer.');
}

/** A unix socket that is not there is a database that is not there; another missing file is a mistake of ours. */
function isMissingFile(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ENOENT') return false;
  return !('syscall' in error) || error.syscall !== 'connect';
}
