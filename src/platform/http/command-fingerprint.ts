import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { canonicalJson } from '../../event-sourcing/commands/canonical-json.js';
import { isFreeForm } from './free-form.js';
import { pathOf } from './problem.js';

export type SentCommand = Pick<FastifyRequest, 'method' | 'url' | 'body'>;

/** The same for the same command sent again, whatever the order of its keys or the case of the ids in its path. */
export function fingerprintOf({ method, url, body }: SentCommand): string {
  const path = pathOf(url).replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, (id) => id.toLowerCase());
  // No body and an empty object are the same command: validation makes the latter of the former.
  const sent = canonicalJson(saidIn(body ?? {}, method === 'PATCH'));
  return createHash('sha256').update(`${method}\n${path}\n${sent}`).digest('hex');
}

/**
 * Null says no more than a field that is absent, but in a change, which it clears. In objects of the caller's own making,
 * such as metadata, it is a value. Bodies are not deep: json-scan.ts has seen to it.
 */
function saidIn(value: unknown, nullClears: boolean): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const said = Object.entries(value).filter(([, inner]) => inner !== null || nullClears);
  return Object.fromEntries(said.map(([name, inner]) => [name, isFreeForm(name) ? inner : saidIn(inner, false)]));
}
