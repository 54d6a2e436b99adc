import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LeaseholdError } from '../errors/catalogue.js';

/** For `@RouteConfig` of a route that takes a tar archive in the place of a JSON body. */
export const TAKES_ARCHIVE = { takesArchive: true } as const;

const archives = new WeakMap<object, IncomingMessage>();
const receiving = new WeakSet<Socket>();

/** Beside JSON, a few routes take `application/x-tar`: the handler reads it as it comes, without the limits of a JSON body. */
export function acceptArchives(server: Pick<FastifyInstance, 'addContentTypeParser'>): void {
  server.addContentTypeParser('application/x-tar', (request, payload: IncomingMessage, done) => {
    const { config } = request.routeOptions as { readonly config?: { readonly takesArchive?: boolean } };
    if (config?.takesArchive !== true || request.headers['content-encoding'] !== undefined) {
      done(new LeaseholdError('unsupported_media_type', 'This route takes no such archive.'));
      return;
    }
    archives.set(request.raw, payload);
    done(null, {});
  });
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
