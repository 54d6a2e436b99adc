import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { FieldError } from '../errors/catalogue.js';
import { displayPath, validationFailed } from './validation-failed.js';

/** The body is level one. Far more than a config or metadata needs, far less than what overflows a recursive library. */
export const MAX_DEPTH = 32;

const MAX_FAULTS = 20;

// With the u flag a whole surrogate pair is one character, so that this finds halves only. Postgres stores neither.
const UNSTORABLE = /[\0\p{Surrogate}]/u;
const UNSTORABLE_MESSAGE = 'must not contain a NUL character or half of a surrogate pair';

// class-transformer and Nest's ValidationPipe drop these silently: better refused than lost.
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Looks at every input before any pipe does: what class-transformer recurses into is shallow and can be stored. */
export function checkInputBeforeValidation(server: Pick<FastifyInstance, 'addHook'>): void {
  server.addHook('preValidation', (request, _reply, done) => {
    // A route that does not exist says so, whatever was sent to it.
    const faults = request.is404 ? [] : faultsOf(request);
    done(faults.length > 0 ? validationFailed(faults) : undefined);
  });
}

function faultsOf(request: FastifyRequest): FieldError[] {
  const { body } = request;
  if (body !== undefined && (typeof body !== 'object' || body === null || Array.isArray(body))) {
    return [{ field: 'body', message: 'must be a JSON object' }];
  }
  return [body, request.query, request.params]
    .flatMap((input) => (typeof input === 'object' && input !== null ? findInputFaults(input) : []))
    .slice(0, MAX_FAULTS);
}

interface Place {
  readonly value: object;
  readonly key: string;
  readonly parent: Place | null;
  readonly depth: number;
}

/** What Postgres could not store or a recursive library not survive, at most {@link MAX_FAULTS}. Never recurses. */
export function findInputFaults(root: object): FieldError[] {
  const faults: FieldError[] = [];
  const places: Place[] = [{ value: root, key: '', parent: null, depth: 1 }];
  for (let place = places.pop(); place && faults.length < MAX_FAULTS; place = places.pop()) {
    for (const [key, value] of Object.entries(place.value) as [string, unknown][]) {
      const message = faultOfKey(key) ?? faultOfValue(value, place.depth);
      if (message !== null) {
        faults.push({ field: pathTo(place, key), message });
        if (faults.length === MAX_FAULTS) break;
      } else if (typeof value === 'object' && value !== null) {
        places.push({ value, key, parent: place, depth: place.depth + 1 });
      }
    }
  }
  return faults;
}

function faultOfKey(key: string): string | null {
  if (FORBIDDEN_KEYS.has(key)) return 'is a name that is not allowed';
  return UNSTORABLE.test(key) ? `is a name that ${UNSTORABLE_MESSAGE}` : null;
}

function faultOfValue(value: unknown, depth: number): string | null {
  if (typeof value === 'string' && UNSTORABLE.test(value)) return UNSTORABLE_MESSAGE;
  // JSON has no Infinity, but 1e999 becomes it, and would become null when it is written again.
  if (typeof value === 'number' && !Number.isFinite(value)) return 'must be a number that a double can hold';
  if (typeof value === 'object' && value !== null && depth >= MAX_DEPTH)
    return `must not be nested deeper than ${MAX_DEPTH} levels`;
  return null;
}

function pathTo(place: Place, key: string): string {
  const keys = [key];
  for (let at = place; at.parent; at = at.parent) keys.unshift(at.key);
  return displayPath(keys);
}
