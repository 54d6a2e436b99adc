import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LeaseholdError } from '../../errors/catalogue.js';

/** For `@RouteConfig` of a route that takes a tar archive in the place of a JSON body. */
export const TAKES_ARCHIVE = { takesArchive: true } as const;

const archives = new WeakMap<object, IncomingMessage>();
const receiving = new WeakSet<Socket>();

/** Beside JSON, a few routes take `application/x-tar`: the handler reads it as it comes, without the limits of a JSON body. */
export function acceptArchives(server: Pick<FastifyInstance, 'addContentTypeParser'>): void {
  server.addContentTypeParser('application/x-tar', (request, payload: IncomingMessage, done) => {
    const detail = refusalOf(request);
    if (detail !== null) {
      done(new LeaseholdError('unsupported_media_type', detail));
      return;
    }
    archives.set(request.raw, payload);
    done(null, {});
  });
  server.addContentTypeParser('*', (request, _payload, done) => {
    // A route that does not exist says so, whatever was sent to it.
    if (request.is404) {
      done(null);
      return;
    }
    const types = takesArchive(request) ? 'application/json or application/x-tar' : 'application/json';
    done(new LeaseholdError('unsupported_media_type', `The body must be sent as ${types}.`));
  });
}

function refusalOf(request: FastifyRequest): string | null {
  if (!takesArchive(request)) return 'The body must be sent as application/json: this route takes no archive.';
  if (request.headers['content-encoding'] === undefined) return null;
  return 'The archive must be sent as application/x-tar without a Content-Encoding.';
}

function takesArchive(request: FastifyRequest): boolean {
  const { config } = request.routeOptions as { readonly config?: { readonly takesArchive?: boolean } };
  return config?.takesArchive === true;
}

/** Whether a handler is reading an archive from a socket, which may take longer than a request otherwise may. */
export function receivesArchive(socket: Socket): boolean {
  return receiving.has(socket);
}

/** Gives a handler the archive that its request came with, as a stream; null when it came with JSON or nothing. */
export const Archive = createParamDecorator((_data: unknown, context: ExecutionContext) => {
  const { raw } = context.switchToHttp().getRequest<FastifyRequest>();
  const archive = archives.get(raw);
  if (!archive) return null;
  // Not before: whoever the guards refuse has the time that every request has.
  if (!archive.destroyed) receiving.add(raw.socket);
  archive.once('close', () => receiving.delete(raw.socket));
  return archive;
});
