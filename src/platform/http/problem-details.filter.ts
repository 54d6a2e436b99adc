import type { ServerResponse } from 'node:http';
import { types } from 'node:util';
import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failureOf, INTERNAL_FAILURE, OPERATIONAL } from './failure.js';
import { pathOf, problemOf, sendProblem } from './problem.js';
import { newRequestId } from './request-id.js';
import { Seldom } from './seldom.js';

/** Turns whatever was thrown into an RFC 9457 answer. What it does not know is logged, and answered without its text. */
@Catch()
export class ProblemDetailsFilter implements ExceptionFilter {
  private readonly logger = new Logger('Http');
  private readonly seldom = new Seldom((line) => this.logger.warn(line));

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Partial<FastifyRequest>>();
    const response = host.switchToHttp().getResponse<FastifyReply | ServerResponse>();
    // Where a middleware failed it is Node's bare request, which has a url but no id.
    const requestId = typeof request.id === 'string' ? request.id : newRequestId();
    const url = request.url ?? '/';
    if (isBrokenOff(error, request)) return;
    const failure = failureOf(error);
    const where = `${request.method ?? '?'} ${pathOf(url)} [${requestId}]`;
    if (failure === null) {
      this.logger.error(`${where} failed: ${textOf(error)}`, types.isNativeError(error) ? error.stack : undefined);
    } else if (OPERATIONAL.has(failure.code)) {
      this.seldom.say(failure.code, `${where} failed, ${failure.code}: ${textOf(error)}`);
    }

    if (isWhole(response)) return;
    if (isStarted(response)) {
      // Half an answer is out and cannot be taken back: a broken connection tells the client that it is not whole.
      ('raw' in response ? response.raw : response).destroy();
      return;
    }
    sendProblem(response, problemOf(failure ?? INTERNAL_FAILURE, requestId, url));
  }
}

/** The caller has gone before the answer's stream was sent: there is nobody to be told, and nothing that the service did wrong. */
function isBrokenOff(error: unknown, { raw }: Partial<FastifyRequest>): boolean {
  return (
    types.isNativeError(error) &&
    'code' in error &&
    error.code === 'ERR_STREAM_PREMATURE_CLOSE' &&
    raw?.socket.destroyed === true
  );
}

/** Somebody else has answered, such as whoever saw that the caller's token was revoked. */
function isWhole(response: FastifyReply | ServerResponse): boolean {
  return ('raw' in response ? response.raw : response).writableEnded;
}

function isStarted(response: FastifyReply | ServerResponse): boolean {
  return 'raw' in response ? response.sent || response.raw.headersSent : response.headersSent;
}

function textOf(error: unknown): string {
  try {
    return types.isNativeError(error)
      ? `${error.name}: ${error.message}`
      : `a thrown ${typeof error}: ${String(error)}`;
  } catch {
    return `a thrown ${typeof error} that has no text`;
  }
}
