import { Injectable, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import { LeaseholdError } from '../../../errors/catalogue.js';
import { knownCallerOf } from '../../../platform/http/index.js';
import { refuseLate } from '../../../platform/http/refuse-late.js';
import type { HttpAdapter } from '../../../platform/http/http-adapter.js';
import { TokenDirectory } from '../token-directory.js';
import { Callers } from './callers.js';

const LOOK_EVERY_MS = 3_000;
/** What is over by then began while it was allowed, such as the revocation of one's own token. */
const LONG_MS = 1_000;

/**
 * Ends the requests of those who may not call any more: a stream, a command, a wait or a transfer that a token began does
 * not outlive it by more than a few seconds. One means for all of them, whatever they do.
 */
@Injectable()
export class StandingCallers implements OnModuleInit, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private looking = false;

  constructor(
    private readonly host: HttpAdapterHost<HttpAdapter>,
    private readonly callers: Callers,
    private readonly tokens: TokenDirectory,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.look(), LOOK_EVERY_MS).unref();
    this.tokens.onChange(() => void this.look());
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** One after another: of many requests with one token, the first asks the database for all. */
  private async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    try {
      for (const reply of this.host.httpAdapter.repliesUnderWay()) {
        if (reply.elapsedTime < LONG_MS || knownCallerOf(reply.request) === null) continue;
        const refusal = await this.refusalOf(reply);
        if (refusal) refuseLate(reply, refusal);
      }
    } finally {
      this.looking = false;
    }
  }

  private async refusalOf(reply: FastifyReply): Promise<LeaseholdError | null> {
    try {
      await this.callers.of(reply.request, reply);
      return null;
    } catch (error) {
      // Where the database cannot be asked, nobody has said that the token has gone.
      return error instanceof LeaseholdError ? error : null;
    }
  }
}
