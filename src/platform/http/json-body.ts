import type { FastifyInstance } from 'fastify';
import { LeaseholdError } from '../../errors/catalogue.js';
import { scanJson } from './json-scan.js';
import { validationFailed } from './validation-failed.js';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * JSON is the only kind of body, but for archives (archive-body.ts). It must be UTF-8: a lenient decoder would put U+FFFD in the place of what the caller
 * sent. Keys such as `__proto__` are left to input-hygiene.ts, which names their path.
 */
export function acceptOnlyJson(
  server: Pick<FastifyInstance, 'removeAllContentTypeParsers' | 'addContentTypeParser'>,
): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    try {
      refuseEncoded(request.headers['content-encoding']);
      done(null, parseJson(body, request.method));
    } catch (error) {
      done(error instanceof Error ? error : new Error('The body could not be read.', { cause: error }));
    }
  });
}

function refuseEncoded(contentEncoding: string | undefined): void {
  if (contentEncoding === undefined || contentEncoding.toLowerCase() === 'identity') return;
  throw new LeaseholdError('unsupported_media_type', 'The body must be sent without a Content-Encoding.');
}

function parseJson(body: Buffer, method: string): unknown {
  // Many clients send their usual Content-Type with every request; a DELETE has no body that could be missing.
  if (body.length === 0 && method === 'DELETE') return undefined;
  if (body.length === 0) throw new LeaseholdError('malformed_json', 'The body is empty.');
  let text: string;
  try {
    text = UTF8.decode(body);
  } catch {
    throw new LeaseholdError('malformed_json', 'The body is not encoded as UTF-8.');
  }
  const { excess, lossy } = scanJson(text);
  if (excess) throw validationFailed([excess]);
  const parsed = parse(text);
  if (lossy.length > 0) throw validationFailed(lossy);
  return parsed;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's own message quotes the body, which may hold secrets.
    throw new LeaseholdError('malformed_json', 'The body is not valid JSON.');
  }
}
