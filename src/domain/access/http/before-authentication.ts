import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CONFIG, type Config } from '../../../platform/config/config.js';
import { LeaseholdError } from '../../../errors/catalogue.js';
import { setCaller } from '../../../platform/http/index.js';
import { Callers } from './callers.js';

const TELL_EVERY_MS = 60_000;

/** Bounds what strangers cost: connections up to a number, and no body is read before the service knows who sends it. */
@Injectable()
export class BeforeAuthentication implements OnModuleInit {
  private readonly logger = new Logger(BeforeAuthentication.name);
  private told = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly callers: Callers,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onModuleInit(): void {
    const instance = this.host.httpAdapter.getInstance<FastifyInstance>();
    instance.server.maxConnections = this.config.maxConnections;
    instance.server.on('drop', () => this.tellOfDrop());
    instance.addHook('onRequest', (request, reply) => this.check(request, reply));
  }

  /** @throws LeaseholdError unauthenticated, route_not_found */
  private async check(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
    if (length === '0' && encoding === undefined) return;
    if (request.is404) throw new LeaseholdError('route_not_found', 'Route not found.');
    setCaller(request, await this.callers.of(request, reply));
  }

  private tellOfDrop(): void {
    if (performance.now() - this.told < TELL_EVERY_MS) return;
    this.told = performance.now();
    this.logger.warn(
      `${this.config.maxConnections} connections are open: further ones are refused (LEASEHOLD_MAX_CONNECTIONS).`,
    );
  }
}
