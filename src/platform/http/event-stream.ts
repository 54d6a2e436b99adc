import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

/** Begins an answer of server-sent events, with the headers that the reply has by then. What is sent is the handler's from here on. */
export function beginEventStream(reply: FastifyReply): ServerResponse {
  reply.hijack();
  const headers: Readonly<Record<string, unknown>> = reply.getHeaders();
  reply.raw.writeHead(200, {
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // Proxies that buffer answers would keep the events.
    'x-accel-buffering': 'no',
  });
  // At once: the first event may take long, and until then its reader would not know that the stream has begun.
  reply.raw.flushHeaders();
  return reply.raw;
}
