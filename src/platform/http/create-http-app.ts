import { isatty } from 'node:tty';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { EventDefinition } from '../../event-sourcing/event-log/index.js';
import { isPlainOptions, tellAllowedMethods } from './allowed-methods.js';
import { acceptArchives } from './archive-body.js';
import { HttpAdapter } from './http-adapter.js';
import { checkInputBeforeValidation } from './input-hygiene.js';
import { acceptOnlyJson } from './json-body.js';
import { setupOpenApi } from './openapi.js';
import { PacedLogger } from './paced-logger.js';
import { ProblemDetailsFilter } from './problem-details.filter.js';
import { createValidationPipe } from './validation.js';

/**
 * The service's HTTP edge around a module, whose document has the schemas of these events. Pages of the allowed origins may call it from a browser. Not initialised: `app.listen()` does that, or `app.init()` before `app.inject()`.
 */
export async function createHttpApp(
  module: Type<unknown> | DynamicModule,
  allowedOrigins: readonly string[] = [],
  events: readonly EventDefinition[] = [],
  closeGraceMs?: number,
): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(module, new HttpAdapter(closeGraceMs), {
    logger: new ServiceLogger({
      prefix: 'Leasehold',
      logLevels: ['warn', 'error'],
      colors: isatty(process.stdout.fd),
    }),
    // json-body.ts and archive-body.ts have the only parsers.
    bodyParser: false,
    // What fails to start is told by main.ts, not by aborting the process from inside.
    abortOnError: false,
  });
  const server = app.getHttpAdapter().getInstance();
  tellAllowedMethods(server);
  acceptOnlyJson(server);
  acceptArchives(server);
  checkInputBeforeValidation(server);
  app.useGlobalFilters(new ProblemDetailsFilter());
  app.useGlobalPipes(createValidationPipe());
  setupOpenApi(app, events);
  if (allowedOrigins.length > 0) allowPages(app, allowedOrigins);
  return app;
}

/** What fails to start is told by whoever starts it, once, and without a stack where it is no bug. */
class ServiceLogger extends PacedLogger {
  override error(message: unknown, ...rest: unknown[]): void {
    if (rest.at(-1) !== 'ExceptionHandler') super.error(message, ...rest);
  }
}

/** Tokens are sent by the pages themselves, so no credentials of the browser are let in. */
function allowPages(app: NestFastifyApplication, origins: readonly string[]): void {
  const options = {
    origin: [...origins],
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: [
      'Allow',
      'Location',
      'Link',
      'Retry-After',
      'X-As-Of',
      'X-Event-Position',
      'X-Request-Id',
      'X-Sync-Summary',
    ],
    maxAge: 600,
  };
  app.enableCors({
    // OPTIONS that is no preflight is answered by allowed-methods.ts.
    delegator: (request, give) => give(null, { ...options, preflight: !isPlainOptions(request) }),
  });
}
