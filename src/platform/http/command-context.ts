import type { FastifyRequest } from 'fastify';
import type { CommandContext } from '../../event-sourcing/commands/command-context.js';
import { callerOf } from './caller.js';
import { headerParam, IDEMPOTENCY_KEY_DOCS, idempotencyOf } from './request-headers.js';

export function commandContextOf(request: FastifyRequest): CommandContext {
  return { actor: callerOf(request).actor, correlationId: request.id, idempotency: idempotencyOf(request) };
}

/** Gives a handler the `CommandContext` of its request. @throws LeaseholdError validation_failed for a bad `Idempotency-Key`. */
export const Context = headerParam(commandContextOf, IDEMPOTENCY_KEY_DOCS);
