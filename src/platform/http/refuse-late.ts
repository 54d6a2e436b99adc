import type { FastifyReply } from 'fastify';
import type { LeaseholdError } from '../../errors/catalogue.js';
import { cutWhenIncomplete } from './client-errors.js';
import { sendAway } from './gone.js';
import { problemOf, sendProblem } from './problem.js';

/** So that the answer is read before the connection is cut. */
const LINGER_MS = 1_000;

/** Ends a request whose handler is at work: it hears that its caller has gone, who hears why, unless an answer has begun. */
export function refuseLate(reply: FastifyReply, { code, message: detail, facts }: LeaseholdError): void {
  const { raw, request } = reply;
  if (raw.writableEnded) return;
  if (raw.headersSent) raw.destroy();
  else sendProblem(reply, problemOf({ code, detail, facts }, request.id, request.url));
  sendAway(request.raw, raw);
  // A body that still comes ends with its request.
  cutWhenIncomplete(request.raw, LINGER_MS);
}
