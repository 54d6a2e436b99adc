import type { IncomingMessage } from 'node:http';
import { isUUID as isUuid } from 'class-validator';
import { uuidv7 as newUuid } from 'uuidv7';

/** The caller's `X-Request-Id` where it is a UUID, so that its logs and ours name the same request; else a new one. */
export function requestIdFor(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && isUuid(given) ? given.toLowerCase() : newRequestId();
}

export function newRequestId(): string {
  return newUuid();
}
