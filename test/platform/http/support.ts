import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect } from '@jest/globals';
import { Logger, type LoggerService } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ERRORS, type ErrorCode } from '../../../src/errors/catalogue.js';
import type { Problem } from '../../../src/platform/http/problem.js';
import type { FastifyRequest } from 'fastify';
import { setCaller } from '../../../src/platform/http/caller.js';
import { createHttpApp } from '../../../src/platform/http/create-http-app.js';
import { ThingModule } from './thing.controller.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface ServedApp {
  readonly app: NestFastifyApplication;
  readonly port: number;
  readonly url: string;
  /** What was logged, at warn and error. */
  readonly logged: string[];
}

export async function serveThings(): Promise<ServedApp> {
  const app = await createHttpApp(ThingModule);
  app.useGlobalGuards({
    canActivate: (context) => {
      const request = context.switchToHttp().getRequest<FastifyRequest>();
      setCaller(request, { actor: 'operator:local', companies: null, permissions: new Set(['admin']) });
      return true;
    },
  });
  const logged: string[] = [];
  const keep = (...texts: unknown[]) => void logged.push(texts.map(String).join(' '));
  const logger: LoggerService = { log: () => undefined, warn: keep, error: keep };
  Logger.overrideLogger(logger);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return { app, port, url: `http://127.0.0.1:${port}`, logged };
}

/** Fails unless the answer is a well-formed problem with that code. */
export function expectProblem(
  status: number,
  headers: Headers | Map<string, string>,
  text: string,
  code?: ErrorCode,
): Problem {
  const problem = JSON.parse(text) as Problem;
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json\b/);
  if (code !== undefined) expect(problem.code).toBe(code);
  expect(Object.keys(ERRORS)).toContain(problem.code);
  expect(problem).toMatchObject({
    type: `/api/docs/errors#${problem.code}`,
    title: ERRORS[problem.code].title,
    status,
    remedy: ERRORS[problem.code].remedy,
    requestId: expect.stringMatching(UUID),
    instance: expect.stringMatching(/./),
    detail: expect.stringMatching(/./),
  });
  expect(ERRORS[problem.code].status).toBe(status);
  expect(headers.get('x-request-id')).toBe(problem.requestId);
  return problem;
}

export async function problemOf(response: Response, code?: ErrorCode): Promise<Problem> {
  return expectProblem(response.status, response.headers, await response.text(), code);
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Map<string, string>;
  readonly body: string;
}

/** Sends bytes as they are and reads until the server closes or an answer is whole. */
export function sendRaw(port: number, chunks: Iterable<string | Buffer>): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let received = '';
    const sending = chunks[Symbol.iterator]();
    const send = () => {
      for (let next = sending.next(); !next.done; next = sending.next()) {
        if (!socket.write(next.value)) return void socket.once('drain', send);
      }
    };
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer within ten seconds')));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed after: ${received.slice(0, 200)}`)));
    socket.on('data', (data) => {
      received += data.toString('utf8');
      const answer = parseAnswer(received);
      if (!answer) return;
      resolve(answer);
      socket.destroy();
    });
    socket.on('connect', send);
  });
}

function parseAnswer(text: string): RawAnswer | null {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = new Map(
    lines.map((line): [string, string] => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  const body = text.slice(end + 4);
  if (Buffer.byteLength(body) < Number(headers.get('content-length') ?? 0)) return null;
  return { status: Number(statusLine.split(' ')[1]), headers, body };
}

export function expectRawProblem({ status, headers, body }: RawAnswer, code: ErrorCode): Problem {
  return expectProblem(status, headers, body, code);
}
