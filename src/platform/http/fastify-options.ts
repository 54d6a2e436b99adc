import type { FastifyHttpOptions } from 'fastify';
import type { Server } from 'node:http';
import { answerClientError } from './client-errors.js';
import { failureOf, INTERNAL_FAILURE } from './failure.js';
import { problemOf, sendProblem } from './problem.js';
import { requestIdFor } from './request-id.js';

export const BODY_LIMIT_BYTES = 1024 * 1024;

const MAX_HEADER_BYTES = 16 * 1024;

/** A request must arrive whole within this; an answer may take as long as it likes (server-sent events do). */
export const REQUEST_TIMEOUT_MS = 30_000;

/** For `new FastifyAdapter(…)`: limits, request ids, and problem details for what is refused before Nest sees it. */
export function fastifyOptions() {
  return {
    bodyLimit: BODY_LIMIT_BYTES,
    genReqId: requestIdFor,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Longer than the 60 seconds for which usual load balancers keep an idle connection, so that they close it first.
    keepAliveTimeout: 72_000,
    // The adapter answers 503 itself, in the shape of every other error.
    return503OnClosing: false,
    // As long as a request line may be: a path id that is too long is then refused as any wrong id is.
    routerOptions: { maxParamLength: MAX_HEADER_BYTES },
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: 15_000,
      connectionsCheckingInterval: 5_000,
      // Node would answer its own empty 400; the adapter refuses with a problem instead.
      requireHostHeader: false,
    },
    frameworkErrors(error, request, reply) {
      sendProblem(reply, problemOf(failureOf(error) ?? INTERNAL_FAILURE, request.id, request.raw.url ?? '/'));
    },
    clientErrorHandler: answerClientError,
  } satisfies FastifyHttpOptions<Server>;
}
