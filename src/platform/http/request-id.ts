import type { IncomingMessage } from 'node:http';
import { newId } from '../../event-sourcing/ids/new-id.js';
import { isUuid } from './uuid.js';

/** The caller's `X-Request-Id` where it is a UUID, so that its logs and ours name the same request; else a new one. */
export function requestIdFor(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return isUuid(given) ? given.toLowerCase() : newRequestId();
}

export function newRequestId(): string {
  return newId();
}
