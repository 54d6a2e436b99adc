import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { CONFIG, isLoopback, type Config } from '../../../platform/config/config.js';
import { LeaseholdError } from '../../../errors/catalogue.js';
import { pathOf } from '../../../platform/http/problem.js';
import { TokenDirectory } from '../token-directory.js';

/**
 * Refuses what a browser sends on behalf of a page of another site. Such a page reaches loopback by a name of its own
 * that it has made to lead here (DNS rebinding), or sends requests across sites; only `Host` and `Origin` tell.
 */
@Injectable()
export class ForeignRequests implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    @Inject(CONFIG) private readonly config: Config,
    private readonly tokens: TokenDirectory,
  ) {}

  /** A hook, not a guard: the document and the pages of the docs are no routes of Nest's. */
  onModuleInit(): void {
    const server = this.host.httpAdapter.getInstance<FastifyInstance>();
    server.addHook('onRequest', (request) => this.check(request));
  }

  private async check(request: FastifyRequest): Promise<void> {
    const { host = '', origin } = request.headers;
    if (origin !== undefined && !this.isOwn(origin, host)) {
      throw new LeaseholdError('foreign_origin', 'The Origin header names another site.');
    }
    if (!isOldProbe(request) && !(await this.isServed(host))) {
      throw new LeaseholdError('foreign_host', 'The Host header names another host.');
    }
  }

  private isOwn(origin: string, host: string): boolean {
    if (this.config.allowedOrigins.includes(origin)) return true;
    return URL.canParse(origin) && /^https?:/.test(origin) && new URL(origin).host === host.toLowerCase();
  }

  private async isServed(host: string): Promise<boolean> {
    const { allowedHosts } = this.config;
    const name = nameOf(host);
    if (isLoopback(name) || allowedHosts.includes(name)) return true;
    // Elsewhere every request needs a token, which no page of another site has: names are checked where they are given.
    if (!isLoopback(this.config.host)) return allowedHosts.length === 0;
    return allowedHosts.length === 0 && (await this.tokens.anyMade());
  }
}

/** Load balancers ask in HTTP/1.0, which needs no Host, whether a process is well; every browser sends one. */
function isOldProbe({ raw, headers }: FastifyRequest): boolean {
  return headers.host === undefined && ['/api/health', '/api/ready'].includes(pathOf(raw.url ?? ''));
}

/** Without the port, and an IPv6 address without its brackets. */
function nameOf(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1');
}
