import { isatty } from 'node:tty';
import { ConsoleLogger, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { acceptArchives } from './archive-body.js';
import { HttpAdapter } from './http-adapter.js';
import { checkInputBeforeValidation } from './input-hygiene.js';
import { acceptOnlyJson } from './json-body.js';
import { setupOpenApi } from './openapi.js';
import { ProblemDetailsFilter } from './problem-details.filter.js';
import { createValidationPipe } from './validation.js';

/** The service's HTTP edge around a module. Not initialised: `app.listen()` does that, or `app.init()` before `app.inject()`. */
export async function createHttpApp(module: Type<unknown> | DynamicModule): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(module, new HttpAdapter(), {
    logger: new ConsoleLogger({
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
  acceptOnlyJson(server);
  acceptArchives(server);
  checkInputBeforeValidation(server);
  app.useGlobalFilters(new ProblemDetailsFilter());
  app.useGlobalPipes(createValidationPipe());
  setupOpenApi(app);
  return app;
}
