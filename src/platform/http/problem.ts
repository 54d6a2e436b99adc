import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { ERRORS, type ErrorCode, type ErrorFacts } from '../../errors/catalogue.js';
import { SAFE_HEADERS } from './safe-headers.js';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Where the catalogue can be read; a problem's `type` is this with the code as its fragment. */
export const ERROR_DOCS_PATH = '/api/docs/errors';

const MAX_DETAIL_LENGTH = 1_000;
const MAX_INSTANCE_LENGTH = 1_024;
const RETRY_AFTER_SECONDS = 1;

/** Something that went wrong, as the catalogue knows it. */
export interface Failure {
  readonly code: ErrorCode;
  /** One sentence about this occurrence, fit for the caller's eyes. */
  readonly detail: string;
  readonly facts: ErrorFacts;
}

/** RFC 9457 problem details, as this service answers them. */
export interface Problem extends ErrorFacts {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly requestId: string;
  readonly instance: string;
}

/** @param url the request's path; its query is left out, for it may hold what nobody should log. */
export function problemOf(failure: Failure, requestId: string, url: string): Problem {
  const { status, title, remedy } = ERRORS[failure.code];
  return {
    type: `${ERROR_DOCS_PATH}#${failure.code}`,
    title,
    status,
    detail: cut(failure.detail, MAX_DETAIL_LENGTH),
    code: failure.code,
    remedy,
    requestId,
    instance: cut(pathOf(url), MAX_INSTANCE_LENGTH),
    ...failure.facts,
  };
}

export function problemHeaders(problem: Problem): Record<string, string> {
  return {
    ...SAFE_HEADERS,
    'content-type': PROBLEM_MEDIA_TYPE,
    'x-request-id': problem.requestId,
    // RFC 9110 15.6.4: every 503 and 507 of this service passes, so that it says when to come back.
    ...([503, 507].includes(problem.status) && { 'retry-after': String(RETRY_AFTER_SECONDS) }),
  };
}

/** Nest hands over Fastify's reply, or Node's bare response where a middleware failed. */
export function sendProblem(response: FastifyReply | ServerResponse, problem: Problem): void {
  const body = JSON.stringify(problem);
  if ('raw' in response) {
    // Fastify closes the connection when it refuses a body half-way. Closing while the client is still sending resets
    // the connection, and the client loses this very answer; Node reads on and discards, up to the request timeout.
    response.removeHeader('connection');
    response.code(problem.status).headers(problemHeaders(problem)).send(body);
  } else {
    response.writeHead(problem.status, { ...problemHeaders(problem), 'content-length': Buffer.byteLength(body) });
    response.end(body);
  }
}

export function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
