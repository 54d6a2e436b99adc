import type { Socket } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { LeaseholdError } from '../errors/catalogue.js';
import { cutWhenIncomplete } from './client-errors.js';
import { fastifyOptions, REQUEST_TIMEOUT_MS } from './fastify-options.js';
import { problemOf, sendProblem } from './problem.js';
import { requestIdFor } from './request-id.js';

/** How long requests under way may take to finish once the server closes. */
const CLOSE_GRACE_MS = 5_000;

/** Fastify under Nest, with problem details where Node or Fastify would answer in a shape of their own. */
export class HttpAdapter extends FastifyAdapter {
  private refusing = false;
  /** Connections that have not carried a request yet: closing the server would wait for them. */
  private readonly silent = new Set<Socket>();

  constructor(private readonly closeGraceMs = CLOSE_GRACE_MS) {
    super(fastifyOptions());
    this.instance.addHook('onRequest', (request, reply, done) => {
      void reply.header('x-request-id', request.id);
      done(this.refusalOf(request.raw));
    });
    this.instance.addHook('onSend', (_request, reply, payload, done) => {
      if (this.refusing) void reply.header('connection', 'close');
      done(null, payload);
    });
    this.instance.addHook('onResponse', (request, _reply, done) => {
      cutWhenIncomplete(request.raw, REQUEST_TIMEOUT_MS);
      done();
    });
  }

  override initHttpServer(options: Parameters<FastifyAdapter['initHttpServer']>[0]): void {
    super.initHttpServer(options);
    this.instance.server.on('connection', (socket: Socket) => {
      this.silent.add(socket);
      socket.once('close', () => this.silent.delete(socket));
    });
    this.instance.server.on('request', (request: IncomingMessage) => this.silent.delete(request.socket));
    this.instance.server.on('checkExpectation', refuseExpectation);
  }

  override beforeClose(): void {
    this.refusing = true;
    super.beforeClose();
  }

  /** Lets requests under way finish, for a while: a command that was recorded should be answered. */
  override async close(): Promise<void> {
    this.refusing = true;
    for (const socket of this.silent) socket.destroy();
    const force = setTimeout(() => this.instance.server.closeAllConnections(), this.closeGraceMs);
    try {
      await super.close();
    } finally {
      clearTimeout(force);
    }
  }

  private refusalOf(request: IncomingMessage): LeaseholdError | undefined {
    if (this.refusing) return new LeaseholdError('shutting_down', 'The service has begun to shut down.');
    if (request.httpVersion === '1.1' && request.headers.host === undefined) {
      return new LeaseholdError('malformed_request', 'The Host header is missing.');
    }
    return undefined;
  }
}

/** RFC 9110 10.1.1: `100-continue`, which Node serves itself, is the only expectation that there is. */
function refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
  const failure = { code: 'malformed_request', detail: 'The Expect header is not understood.', facts: {} } as const;
  sendProblem(response, problemOf(failure, requestIdFor(request), request.url ?? '/'));
}
