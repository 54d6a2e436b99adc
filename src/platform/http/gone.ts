import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** By connection, which may carry many requests at once: their callers go together. */
const waiting = new WeakMap<Socket, Set<AbortController>>();

const signals = new WeakMap<IncomingMessage, AbortController>();

/**
 * Aborts when a caller closes the connection before it has its answer. It may be asked for at any time: who has gone by
 * then has gone. Of a response that waits behind another one of its connection Node says nothing, so the socket is asked.
 */
export function goneSignal(request: IncomingMessage, response: ServerResponse): AbortSignal {
  return controllerOf(request, response).signal;
}

/** The request counts as one whose caller has gone from now on. */
export function sendAway(request: IncomingMessage, response: ServerResponse): void {
  controllerOf(request, response).abort(callerGone());
}

function controllerOf(request: IncomingMessage, response: ServerResponse): AbortController {
  const known = signals.get(request);
  if (known) return known;
  const gone = new AbortController();
  signals.set(request, gone);
  if (request.socket.destroyed || response.destroyed) {
    gone.abort(callerGone());
    return gone;
  }
  const others = waitingOn(request.socket);
  others.add(gone);
  response.once('close', () => {
    others.delete(gone);
    if (!response.writableFinished) gone.abort(callerGone());
  });
  return gone;
}

function waitingOn(socket: Socket): Set<AbortController> {
  const known = waiting.get(socket);
  if (known) return known;
  const callers = new Set<AbortController>();
  waiting.set(socket, callers);
  socket.once('close', () => {
    for (const gone of callers) gone.abort(callerGone());
  });
  return callers;
}

function callerGone(): Error {
  return new Error('The caller has gone.');
}

/** Gives a handler the signal that aborts when its caller goes away. */
export const Gone = createParamDecorator((_data: unknown, context: ExecutionContext) => {
  const http = context.switchToHttp();
  return goneSignal(http.getRequest<FastifyRequest>().raw, http.getResponse<FastifyReply>().raw);
});
