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
    const { socket } = request.raw;
    archives.set(request.raw, payload);
    receiving.add(socket);
    payload.once('close', () => receiving.delete(socket));
    done(null, {});
  });
}

/** Whether a socket is in the middle of an archive, which may take longer than a request otherwise may. */
export function receivesArchive(socket: Socket): boolean {
  return receiving.has(socket);
}

/** Gives a handler the archive that its request came with, as a stream; null when it came with JSON or nothing. */
export const Archive = createParamDecorator(
  (_data: unknown, context: ExecutionContext) =>
    archives.get(context.switchToHttp().getRequest<FastifyRequest>().raw) ?? null,
);
