import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { FieldError } from '../../errors/catalogue.js';
import { displayPath, validationFailed } from './validation-failed.js';

const MAX_FAULTS = 20;

// With the u flag a whole surrogate pair is one character, so that this finds halves only. Postgres stores neither.
const UNSTORABLE = /[\0\p{Surrogate}]/u;
const UNSTORABLE_MESSAGE = 'must not contain a NUL character or half of a surrogate pair';

// class-transformer and Nest's ValidationPipe drop these silently: better refused than lost.
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Looks at every input before any pipe does: what class-transformer copies can be stored. json-scan.ts has bounded its size and depth. */
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
}

/** What Postgres could not store, at most {@link MAX_FAULTS}. Never recurses. */
export function findInputFaults(root: object): FieldError[] {
  const faults: FieldError[] = [];
  const places: Place[] = [{ value: root, key: '', parent: null }];
  for (let place = places.pop(); place && faults.length < MAX_FAULTS; place = places.pop()) {
    for (const [key, value] of Object.entries(place.value) as [string, unknown][]) {
      const message = faultOfKey(key) ?? faultOfValue(value);
      if (message !== null) {
        faults.push({ field: pathTo(place, key), message });
        if (faults.length === MAX_FAULTS) break;
      } else if (typeof value === 'object' && value !== null) {
        places.push({ value, key, parent: place });
      }
    }
  }
  return faults;
}

function faultOfKey(key: string): string | null {
  if (FORBIDDEN_KEYS.has(key)) return 'is a name that is not allowed';
  return UNSTORABLE.test(key) ? `is a name that ${UNSTORABLE_MESSAGE}` : null;
}

function faultOfValue(value: unknown): string | null {
  return typeof value === 'string' && UNSTORABLE.test(value) ? UNSTORABLE_MESSAGE : null;
}

function pathTo(place: Place, key: string): string {
  const keys = [key];
  for (let at = place; at.parent; at = at.parent) keys.unshift(at.key);
  return displayPath(keys);
}
