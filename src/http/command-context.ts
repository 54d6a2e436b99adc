import type { FastifyRequest } from 'fastify';
import type { CommandContext } from '../commands/command-context.js';
import { headerParam, IDEMPOTENCY_KEY_DOCS, idempotencyOf } from './request-headers.js';

/** The service has no accounts: whoever reaches its port is its operator. */
const ACTOR = 'operator:local';

export function commandContextOf(request: FastifyRequest): CommandContext {
  return { actor: ACTOR, correlationId: request.id, idempotency: idempotencyOf(request) };
}

/** Gives a handler the `CommandContext` of its request. @throws LeaseholdError validation_failed for a bad `Idempotency-Key`. */
export const Context = headerParam(commandContextOf, IDEMPOTENCY_KEY_DOCS);
