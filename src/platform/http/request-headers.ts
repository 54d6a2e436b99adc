import type { IncomingMessage } from 'node:http';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { fingerprintOf, type SentCommand } from './command-fingerprint.js';
import { validationFailed } from './validation-failed.js';

export const DEFAULT_WAIT_SECONDS = 10;
export const MAX_WAIT_SECONDS = 60;

export interface IdempotencyKeyHeader {
  readonly key: string;
  /** SHA-256, in hex, of what the key was sent with. */
  readonly fingerprint: string;
}

/** Every value that a header was sent with; Node's `headers` joins them, or keeps one of them. */
export function headerValues(request: Pick<IncomingMessage, 'rawHeaders'>, name: string): string[] {
  return request.rawHeaders.filter((_value, index, all) => index % 2 === 1 && all[index - 1]?.toLowerCase() === name);
}

/** @throws LeaseholdError validation_failed. */
export function parseIdempotencyKey(values: readonly string[]): string | null {
  const key = onlyValue('Idempotency-Key', values);
  if (key !== null && !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw invalidHeader('Idempotency-Key', 'must be 1 to 255 visible ASCII characters');
  }
  return key;
}

/**
 * How many seconds the caller would wait for an outcome (RFC 7240). A preference is a wish: what cannot be understood
 * is ignored. `respond-async` alone is 0; with `wait=N` it is N, after which the answer is asynchronous anyway.
 */
export function parsePreferWait(values: readonly string[]): number {
  const preferences = parsePreferences(values.join(','));
  const wait = preferences.get('wait');
  if (wait !== undefined && /^\d+$/.test(wait)) return Math.min(Number(wait), MAX_WAIT_SECONDS);
  return preferences.has('respond-async') ? 0 : DEFAULT_WAIT_SECONDS;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;

/** By lower-cased name; of a preference that is given more than once the first counts (RFC 7240, section 2). */
function parsePreferences(header: string): Map<string, string> {
  const preferences = new Map<string, string>();
  for (const preference of splitOutsideQuotes(header, ',')) {
    // What follows a semicolon are parameters; no preference that this service knows has any.
    const [pair = ''] = splitOutsideQuotes(preference, ';');
    const equals = pair.indexOf('=');
    const name = (equals === -1 ? pair : pair.slice(0, equals)).trim().toLowerCase();
    const value = equals === -1 ? '' : unquote(pair.slice(equals + 1).trim());
    if (TOKEN.test(name) && !preferences.has(name)) preferences.set(name, value);
  }
  return preferences;
}

/** One pass without a regular expression, for one that knows quotes, blanks and parameters backtracks without end. */
function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    if (quoted && text[at] === '\\') at++;
    else if (text[at] === '"') quoted = !quoted;
    else if (!quoted && text[at] === separator) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)];
}

function unquote(word: string): string {
  return /^".*"$/.test(word) ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word;
}

/** The version that the caller has seen; null where any will do (`*` or no header). @throws LeaseholdError validation_failed. */
export function parseIfMatch(values: readonly string[]): number | null {
  const value = onlyValue('If-Match', values);
  if (value === null || value === '*') return null;
  const version = wholeNumber(/^(?:"(\d+)"|(\d+))$/.exec(value));
  if (version === null) throw invalidHeader('If-Match', 'must be a version such as "3", or *');
  return version;
}

/** The position that the answer must include at least. @throws LeaseholdError validation_failed. */
export function parseMinPosition(values: readonly string[]): number | null {
  const value = onlyValue('X-Min-Position', values);
  if (value === null) return null;
  const position = wholeNumber(/^(\d+)$/.exec(value));
  if (position === null) throw invalidHeader('X-Min-Position', 'must be a position: a whole number, zero or more');
  return position;
}

/** The fence of the lease that the caller holds; null where it says none. @throws LeaseholdError validation_failed. */
export function parseLeaseFence(values: readonly string[]): number | null {
  const value = onlyValue(LEASE_FENCE_DOCS.name, values);
  if (value === null) return null;
  const fence = wholeNumber(/^([1-9]\d*)$/.exec(value));
  if (fence === null)
    throw invalidHeader(LEASE_FENCE_DOCS.name, 'must be the fence of a lease: a whole number, 1 or more');
  return fence;
}

/** @throws LeaseholdError validation_failed. */
export function leaseFenceOf(request: Pick<FastifyRequest, 'raw'>): number | null {
  return parseLeaseFence(headerValues(request.raw, 'x-lease-fence'));
}

function wholeNumber(match: RegExpExecArray | null): number | null {
  const number = Number(match?.[1] ?? match?.[2] ?? Number.NaN);
  return Number.isSafeInteger(number) ? number : null;
}

function onlyValue(name: string, values: readonly string[]): string | null {
  if (values.length > 1) throw invalidHeader(name, 'must be sent once');
  return values[0] ?? null;
}

function invalidHeader(name: string, message: string): Error {
  return validationFailed([{ field: name, message }]);
}

/** @throws LeaseholdError validation_failed. */
export function idempotencyOf(request: SentCommand & Pick<FastifyRequest, 'raw'>): IdempotencyKeyHeader | null {
  const key = parseIdempotencyKey(headerValues(request.raw, 'idempotency-key'));
  return key === null ? null : { key, fingerprint: fingerprintOf(request) };
}

export interface HeaderDocs {
  readonly name: string;
  readonly description: string;
  readonly example: string;
}

/** As the OpenAPI document has it. */
export function headerParameter({ name, description, example }: HeaderDocs) {
  return { name, description, required: false, schema: { type: 'string' as const }, example };
}

/** A parameter decorator that also shows its header in the OpenAPI document. */
export function headerParam(read: (request: FastifyRequest) => unknown, docs: HeaderDocs): () => ParameterDecorator {
  const param = createParamDecorator((_data: unknown, context: ExecutionContext) =>
    read(context.switchToHttp().getRequest<FastifyRequest>()),
  );
  return () => (target, key, index) => {
    param()(target, key, index);
    const method = key === undefined ? undefined : Object.getOwnPropertyDescriptor(target, key);
    if (key === undefined || method === undefined) return;
    ApiHeader(headerParameter(docs))(target, key, method);
  };
}

export const IDEMPOTENCY_KEY_DOCS: HeaderDocs = {
  name: 'Idempotency-Key',
  description:
    'The same key with the same command returns the first answer again. With another command it returns 409.',
  example: 'acquire-2f1c9a',
};

/** Every command on a lease takes it: see FenceGuard and openapi.ts. */
export const LEASE_FENCE_DOCS: HeaderDocs = {
  name: 'X-Lease-Fence',
  description:
    'The `fence` of the lease as its holder knows it. A lower one than the lease’s is of an earlier holder, and refused. Its environment may require it (`requireFence`).',
  example: '813',
};

/** Gives a number of seconds. */
export const PreferWait = headerParam((request) => parsePreferWait(headerValues(request.raw, 'prefer')), {
  name: 'Prefer',
  description: `\`wait=N\`: seconds to wait for the outcome, ${DEFAULT_WAIT_SECONDS} by default, at most ${MAX_WAIT_SECONDS}.`,
  example: 'wait=10',
});

/** Gives a version or null. */
export const IfMatch = headerParam((request) => parseIfMatch(headerValues(request.raw, 'if-match')), {
  name: 'If-Match',
  description: 'The change applies only to this version. `*` or absent: any version.',
  example: '"3"',
});

/** Gives a position or null. */
export const MinPosition = headerParam((request) => parseMinPosition(headerValues(request.raw, 'x-min-position')), {
  name: 'X-Min-Position',
  description: 'The answer includes at least all events up to this log position.',
  example: '812',
});
