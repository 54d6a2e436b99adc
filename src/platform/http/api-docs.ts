import { applyDecorators, type Type } from '@nestjs/common';
import { ApiBody, ApiResponse } from '@nestjs/swagger';
import { ERRORS, type ErrorCode } from '../../errors/catalogue.js';
import { PROBLEM_MEDIA_TYPE, problemOf, type Problem } from './problem.js';

const EXAMPLE_REQUEST_ID = '018f4b6e-7a3c-7d21-9b0e-5c1d2e3f4a5b';

export const PROBLEM_SCHEMA_REF = { $ref: '#/components/schemas/Problem' };

export interface Example {
  readonly summary: string;
  readonly value: unknown;
}

export interface ApiAnswerOptions {
  readonly status: number;
  readonly description: string;
  /** A DTO class with `@ApiProperty`s; without one the answer is known by its example alone. */
  readonly type?: Type<unknown>;
  readonly isArray?: boolean;
  readonly example: unknown;
}

/** Documents a route's problem answers, with an example for each code. Those that any route may give are there anyway. */
export function ApiProblems(...codes: readonly ErrorCode[]): MethodDecorator & ClassDecorator {
  return applyDecorators(
    ...[...codesByStatus(codes)].map(([status, sameStatus]) => ApiResponse({ status, ...problemResponse(sameStatus) })),
  );
}

/** Documents a successful answer with an example. */
export function ApiAnswer({
  status,
  description,
  type,
  isArray,
  example,
}: ApiAnswerOptions): MethodDecorator & ClassDecorator {
  return ApiResponse({ status, description, example, ...(type && { type }), ...(isArray && { isArray }) });
}

/** Documents a body with named examples, the first of which is shown. */
export function ApiRequest(type: Type<unknown>, examples: Readonly<Record<string, Example>>): MethodDecorator {
  return ApiBody({ type, examples: { ...examples } });
}

export function codesByStatus(codes: readonly ErrorCode[]): Map<number, ErrorCode[]> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) byStatus.set(ERRORS[code].status, [...(byStatus.get(ERRORS[code].status) ?? []), code]);
  return byStatus;
}

/** @param codes of one status. */
export function problemResponse(codes: readonly ErrorCode[]) {
  return {
    description: codes.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join(' '),
    content: { [PROBLEM_MEDIA_TYPE]: { schema: PROBLEM_SCHEMA_REF, examples: problemExamples(codes) } },
  };
}

function problemExamples(codes: readonly ErrorCode[]): Record<string, Example> {
  return Object.fromEntries(codes.map((code) => [code, { summary: ERRORS[code].title, value: exampleProblem(code) }]));
}

function exampleProblem(code: ErrorCode): Problem {
  const facts = code === 'validation_failed' ? { errors: [{ field: 'name', message: 'must be a string' }] } : {};
  return problemOf({ code, detail: ERRORS[code].title, facts }, EXAMPLE_REQUEST_ID, '/api/…');
}
