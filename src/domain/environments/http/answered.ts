import type { FastifyReply } from 'fastify';
import type { Environment } from '../state.js';

/** What a command about one environment answers. */
export function answered(environment: Environment, reply: FastifyReply): Environment {
  void reply.header('X-Event-Position', environment.position);
  return environment;
}
