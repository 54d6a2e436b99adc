import type { Socket } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { LeaseholdError } from '../../errors/catalogue.js';
import { cutWhenIncomplete } from './client-errors.js';
import { fastifyOptions, REQUEST_TIMEOUT_MS } from './fastify-options.js';
import { pathOf, problemOf, sendProblem } from './problem.js';
import { requestIdFor } from './request-id.js';
import { SAFE_HEADERS } from './safe-headers.js';

/** How long requests under way may take to finish once the server closes. */
const CLOSE_GRACE_MS = 20_000;
/** For the answers to requests that still wait then. */
const FAREWELL_MS = 500;
/** Nest and Fastify listen a dozen times for the end of a streamed answer; Node would warn of a leak from 11 on. */
const LISTENERS = 20;
/** These are answered while the service stops, so that callers see that it is stopping, not gone. */
const ALWAYS_ANSWERED = ['/api/health', '/api/ready'];

/** Fastify under Nest, with problem details where Node or Fastify would answer in a shape of their own. */
export class HttpAdapter extends FastifyAdapter {
  private refusing = false;
  /** Connections that have not carried a request yet: closing the server would wait for them. */
  private readonly silent = new Set<Socket>();
  private readonly underWay = new Set<FastifyReply>();
  private onIdle = (): void => undefined;

  constructor(private readonly closeGraceMs = CLOSE_GRACE_MS) {
    super(fastifyOptions());
    this.instance.addHook('onRequest', (request, reply, done) => {
      void reply.headers({ ...SAFE_HEADERS, 'x-request-id': request.id });
      const refusal = this.refusalOf(request.raw);
      if (!refusal) this.begin(reply);
      done(refusal);
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

  /**
   * Lets requests under way finish for a while, because a recorded command should be answered. Requests that are not answered by
   * then get service_stopping. Until the last one is answered, new requests get shutting_down instead of a refused connection.
   */
  override async close(): Promise<void> {
    this.refusing = true;
    await this.idle(this.closeGraceMs);
    for (const reply of this.underWay) giveUp(reply);
    await this.idle(FAREWELL_MS);
    for (const socket of this.silent) socket.destroy();
    const closed = super.close();
    this.instance.server.closeAllConnections();
    await closed;
  }

  /** Those that have no whole answer yet; a copy, for they come and go. */
  repliesUnderWay(): readonly FastifyReply[] {
    return [...this.underWay];
  }

  private begin(reply: FastifyReply): void {
    this.underWay.add(reply);
    reply.raw.setMaxListeners(LISTENERS);
    reply.raw.once('close', () => {
      this.underWay.delete(reply);
      if (this.underWay.size === 0) this.onIdle();
    });
  }

  /** Resolves when nothing is under way, or the time is over. */
  private async idle(withinMs: number): Promise<void> {
    if (this.underWay.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private refusalOf(request: IncomingMessage): LeaseholdError | undefined {
    if (this.refusing && !ALWAYS_ANSWERED.includes(pathOf(request.url ?? '/')))
      return new LeaseholdError('shutting_down', 'The service is shutting down.');
    if (request.httpVersion === '1.1' && request.headers.host === undefined) {
      return new LeaseholdError('malformed_request', 'The Host header is missing.');
    }
    return undefined;
  }
}

/** An answer that has begun can only be broken off. */
function giveUp({ raw, request }: FastifyReply): void {
  if (raw.headersSent) {
    raw.destroy();
    return;
  }
  const detail = 'The service stopped while the request was under way.';
  sendProblem(raw, problemOf({ code: 'service_stopping', detail, facts: {} }, request.id, request.url));
}

/** RFC 9110 10.1.1: `100-continue`, which Node serves itself, is the only expectation that there is. */
function refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
  const failure = { code: 'malformed_request', detail: 'The Expect header is not understood.', facts: {} } as const;
  sendProblem(response, problemOf(failure, requestIdFor(request), request.url ?? '/'));
}
