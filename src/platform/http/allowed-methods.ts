import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LeaseholdError } from '../../errors/catalogue.js';
import { pathOf } from './problem.js';

interface Route {
  readonly parts: readonly string[];
  readonly methods: readonly string[];
}

/** RFC 9110: a path that exists refuses a method that it has not with 405 and `Allow`, and tells them to OPTIONS. */
export function tellAllowedMethods(server: FastifyInstance): void {
  const routes: Route[] = [];
  server.addHook('onRoute', ({ url, method }) => {
    routes.push({ parts: url.split('/'), methods: [method].flat() });
  });
  server.addHook('onRequest', (request, reply, done) => {
    const isOptions = isPlainOptions(request);
    const allowed = isOptions || request.is404 ? methodsOf(routes, pathOf(request.url)) : [];
    if (allowed.length === 0) {
      done();
      return;
    }
    void reply.header('allow', allowed.join(', '));
    if (isOptions) void reply.code(204).send();
    else done(refusalOf(request, allowed));
  });
}

function refusalOf({ method }: FastifyRequest, allowed: readonly string[]): LeaseholdError {
  return new LeaseholdError('method_not_allowed', `${method} is not one of ${allowed.join(', ')}.`);
}

/** Not a browser's question before a request across sites, which CORS answers. */
export function isPlainOptions({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] === undefined;
}

function methodsOf(routes: readonly Route[], path: string): string[] {
  const parts = path.split('/');
  const methods = new Set(routes.filter((route) => isMatch(route.parts, parts)).flatMap((route) => route.methods));
  return methods.size === 0 ? [] : [...methods, 'OPTIONS'].sort();
}

function isMatch(pattern: readonly string[], parts: readonly string[]): boolean {
  if (pattern.length !== parts.length) return false;
  return pattern.every((part, index) => (part.startsWith(':') ? parts[index] !== '' : part === parts[index]));
}
