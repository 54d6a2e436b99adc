import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pagePolicy } from './safe-headers.js';

type Answer = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

const PAGE = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Leasehold API</title>
<link rel="icon" href="/api/docs/favicon-32x32.png"><link rel="stylesheet" href="/api/docs/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="/api/docs/swagger-ui-bundle.js"></script><script src="/api/docs/start.js"></script></body></html>
`;

const START = `SwaggerUIBundle({ url: '/api/openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null });\n`;

const ASSETS = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
} as const;

// Swagger UI sets styles on elements and has its icons in data URLs; nothing else comes from elsewhere.
const POLICY = pagePolicy("default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:");

/**
 * The routes of Swagger UI. SwaggerModule's own would load a file server at every start, and put the whole document into
 * a script; these read a file when somebody asks for it.
 */
export function swaggerUiRoutes(): Map<string, Answer> {
  const page: Answer = (_request, reply) => send(reply, 'text/html; charset=utf-8', PAGE);
  const routes = new Map<string, Answer>([
    ['/api/docs', page],
    ['/api/docs/', page],
    ['/api/docs/start.js', (_request, reply) => send(reply, 'text/javascript; charset=utf-8', START)],
  ]);
  for (const [name, type] of Object.entries(ASSETS)) {
    routes.set(`/api/docs/${name}`, async (_request, reply) => send(reply, type, await readFile(pathOfAsset(name))));
  }
  return routes;
}

async function send(reply: FastifyReply, type: string, content: string | Buffer): Promise<void> {
  const headers = { 'content-type': type, 'content-security-policy': POLICY, 'cache-control': 'public, max-age=3600' };
  await reply.headers(headers).send(content);
}

/** @nestjs/swagger brings the files, as a dependency of its own that only it can resolve wherever npm has put it. */
function pathOfAsset(name: string): string {
  const swagger = createRequire(import.meta.url).resolve('@nestjs/swagger/package.json');
  return createRequire(swagger).resolve(`swagger-ui-dist/${name}`);
}
