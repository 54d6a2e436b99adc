import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from '@jest/globals';

interface Snippet {
  readonly filePath: string;
  readonly code: string;
  /** Needs the compiler; then the file must exist. */
  readonly typed?: boolean;
}

interface Violation extends Snippet {
  readonly rule: string;
}

function breaking(rule: string, snippets: [filePath: string, code: string][], typed = false): Violation[] {
  return snippets.map(([filePath, code]) => ({ rule, filePath, code, typed }));
}

const DIRECTIONS = 'boundaries/dependencies';
const PACKAGES = '@typescript-eslint/no-restricted-imports';

const refused: Violation[] = [
  // What lies below knows nothing of what lies above.
  ...breaking(DIRECTIONS, [
    ['src/event-log/a.ts', "import '../leases/lease-store.js';"],
    ['src/event-log/a.ts', "import type { Environment } from '../environments/state.js';"],
    ['src/event-log/a.ts', "export * from '../errors/catalogue.js';"],
    ['src/event-log/a.ts', "export type A = import('../leases/state.js').Lease;"],
    ['src/event-log/a.ts', "export const a = () => import('../leases/lease-store.js');"],
    ['src/event-log/a.ts', "import '../subscriptions/index.js';"],
    ['src/event-log/a.ts', "import '../config/config.js';"],
    ['src/event-log/a/b.ts', "import '../../commands/decision.js';"],
    ['src/subscriptions/a.ts', "import '../leases/lease-store.js';"],
    ['src/subscriptions/a.ts', "import '../projections/projection.js';"],
    ['src/projections/a.ts', "import '../environments/environment-row.js';"],
    ['src/projections/a.ts', "import '../drivers/runtime-driver.js';"],
    ['src/projections/a.ts', "import '../commands/state-store.js';"],
    ['src/projections/a.ts', "import '../http/index.js';"],
    ['src/projections/a.ts', "import '../replay/anything.js';"],
    ['src/errors/a.ts', "import '../event-log/index.js';"],
    ['src/embedded/a.ts', "import '../config/config.js';"],
    ['src/config/a.ts', "import '../embedded/index.js';"],
    ['src/commands/a.ts', "import '../leases/decide.js';"],
    ['src/read-models/a.ts', "import '../leases/lease-row.js';"],
    ['src/database/a.ts', "import '../leases/lease-store.js';"],
    ['src/drivers/ssh/a.ts', "import '../../environments/state.js';"],
    ['src/drivers/a.ts', "import '../event-log/index.js';"],
    ['src/environments/a.ts', "import '../leases/state.js';"],
    ['src/environments/commands/a.ts', "import '../../leases/state.js';"],
    ['src/environments/a.ts', "import '../config/config.js';"],
    ['src/secrets/a.ts', "import '../environments/state.js';"],
    ['src/leases/a.ts', "import '../subscriptions/index.js';"],
    ['src/leases/a.ts', "import '../provisioning/anything.js';"],
    ['src/http/a.ts', "import '../leases/state.js';"],
    ['migrations/a.ts', "import '../src/leases/state.js';"],
  ]),
  // Nobody in src imports tests or benchmarks, and no part imports what wires it.
  ...breaking(DIRECTIONS, [
    ['src/leases/a.ts', "import '../../test/support/database.js';"],
    ['src/operations/a.ts', "import '../../bench/measure.js';"],
    ['src/main.ts', "import '../test/support/database.js';"],
    ['src/operations/a.ts', "import '../app.module.js';"],
    ['src/http/a.ts', "import '../main.js';"],
  ]),
  // Only edges know HTTP.
  ...breaking(DIRECTIONS, [
    ['src/leases/commands/a.ts', "import '../../http/index.js';"],
    ['src/leases/commands/a.ts', "import '../http/lease-bodies.js';"],
    ['src/operations/a.ts', "import './http/health.controller.js';"],
  ]),
  ...breaking(PACKAGES, [
    ['src/leases/a.ts', "import type { FastifyRequest } from 'fastify';"],
    ['src/leases/a.ts', "import { ApiProperty } from '@nestjs/swagger';"],
    ['src/operations/a.ts', "import '@fastify/static';"],
    ['src/operations/a.ts', "import '@nestjs/platform-fastify';"],
    ['src/leases/a.ts', "import { Controller } from '@nestjs/common';"],
    ['src/leases/a.ts', "import { NotFoundException } from '@nestjs/common';"],
    ['src/leases/a.ts', "import * as nest from '@nestjs/common';"],
  ]),
  // The core is pure.
  ...breaking(DIRECTIONS, [['src/leases/decide.ts', "import './lease-store.js';"]]),
  ...breaking(PACKAGES, [
    ['src/leases/decide.ts', "import { uuidv7 } from 'uuidv7';"],
    ['src/leases/decide.ts', "import type { Pool } from 'pg';"],
    ['src/leases/state.ts', "import { Entity } from 'typeorm';"],
    ['src/leases/events.ts', "import 'typebox/value';"],
    ['src/leases/deadline.ts', "export { Injectable } from '@nestjs/common';"],
    ['src/leases/lease-json.ts', "import { createHash } from 'node:crypto';"],
    ['src/leases/lease-names.ts', "import 'rxjs';"],
    ['src/commands/decision.ts', "import 'bullmq';"],
    ['src/replay/decide.ts', "export * from 'pg';"],
  ]),
  ...breaking('no-restricted-properties', [
    ['src/leases/decide.ts', 'export const a = Date.now();'],
    ['src/leases/decide.ts', 'export const { now } = Date;'],
    ['src/leases/decide.ts', 'export const a = Math.random();'],
  ]),
  ...breaking('no-restricted-syntax', [
    ['src/leases/decide.ts', 'export const a = new Date();'],
    ['src/leases/decide.ts', 'export const a = Date();'],
    ['src/leases/decide.ts', 'export async function a() {}'],
    ['src/leases/decide.ts', 'await a;'],
    ['src/leases/decide.ts', "export const a = import('./state.js');"],
  ]),
  ...breaking('no-restricted-globals', [
    ['src/leases/decide.ts', 'export const a = crypto.randomUUID();'],
    ['src/leases/decide.ts', 'export const a = performance.now();'],
    ['src/leases/decide.ts', 'export const a = process.env;'],
    ['src/leases/decide.ts', 'setTimeout(a);'],
  ]),
  // A regular expression of data can take for ever.
  ...breaking('no-restricted-syntax', [
    ['src/leases/a.ts', 'export const a = new RegExp(b);'],
    ['src/leases/a.ts', 'export const a = new RegExp(`^${b}$`);'],
    ['src/leases/http/a.ts', "export const a = RegExp('^' + b);"],
    ['src/leases/decide.ts', 'export const a = new RegExp(b);'],
    ['migrations/a.ts', 'export const a = new RegExp(b);'],
  ]),
  // Everywhere.
  ...breaking('@typescript-eslint/no-explicit-any', [['src/leases/a.ts', 'export let a: any;']]),
  ...breaking('no-console', [['src/leases/a.ts', 'console.log(1);']]),
  ...breaking('no-warning-comments', [
    ['src/leases/a.ts', '// TODO: later'],
    ['scripts/a.mjs', '// FIXME'],
  ]),
  ...breaking('no-undef', [['scripts/a.mjs', 'export const a = neverDefined;']]),
  ...breaking('max-lines', [['src/leases/a.ts', 'export const a = 1;\n'.repeat(301)]]),
  // A rule cannot be switched off in the file that breaks it.
  ...breaking('no-console', [['src/leases/a.ts', '/* eslint-disable */\nconsole.log(1);']]),
  // Every test runs.
  ...[
    'it.only()',
    'it.skip()',
    'test.todo()',
    'describe.skip()',
    'it.only.each([])()',
    'it.concurrent.skip()',
    'xit()',
    'fdescribe()',
    'const maybe = condition ? it : it.skip',
    // One at a time.
    'test.concurrent()',
  ].flatMap((code) => breaking('no-restricted-syntax', [['test/a.int.spec.ts', `${code};`]])),
  // What only the compiler knows.
  ...breaking('@typescript-eslint/no-floating-promises', [['src/event-log/index.ts', 'Promise.resolve();']], true),
  ...breaking(
    '@typescript-eslint/switch-exhaustiveness-check',
    [['src/event-log/index.ts', "export function a(b: 'c' | 'd') { switch (b) { case 'c': return 1; } return 2; }"]],
    true,
  ),
  ...breaking(
    '@typescript-eslint/consistent-type-imports',
    [['src/event-log/index.ts', "import { Pool } from 'pg'; export const a = (pool: Pool) => pool;"]],
    true,
  ),
];

const allowed: Snippet[] = [
  { filePath: 'src/event-log/a.ts', code: "import './event-log.js'; import 'pg'; import 'node:crypto';" },
  { filePath: 'src/subscriptions/a.ts', code: "import '../event-log/index.js';" },
  { filePath: 'src/projections/a.ts', code: "import '../subscriptions/index.js'; import 'typeorm';" },
  {
    filePath: 'src/drivers/ssh/a.ts',
    code: "import '../../environments/driver-names.js'; import '../runtime-driver.js';",
  },
  { filePath: 'src/database/a.ts', code: "import '../leases/lease-row.js'; import '../../migrations/index.js';" },
  {
    filePath: 'src/leases/commands/a.ts',
    code: "import '../../environments/environment-store.js'; import '../decide.js';",
  },
  { filePath: 'src/leases/a.ts', code: "export { Injectable } from '@nestjs/common';" },
  {
    filePath: 'src/leases/http/a.ts',
    code: "import '../../http/index.js'; import '../../environments/http/environment-answers.js'; import 'fastify';",
  },
  { filePath: 'src/leases/leases.module.ts', code: "import './http/leases.controller.js';" },
  { filePath: 'src/operations/a.ts', code: "import '../leases/state.js'; import '../projections/projection.js';" },
  { filePath: 'src/main.ts', code: "import './app.module.js'; import './config/config.js'; console.log(1);" },
  {
    filePath: 'src/leases/decide.ts',
    code:
      "export * from 'typebox'; export { accepted } from '../commands/decision.js';" +
      " export type { Acquisition } from '../drivers/runtime-driver.js'; export const a = new Date(0), b = Date.parse('');",
  },
  { filePath: 'test/leases/a.ts', code: "import '../../src/leases/decide.js';" },
  { filePath: 'src/leases/a.ts', code: "export const a = [/^b$/, new RegExp('^b$')];" },
  {
    // What a constructor takes must be there when the program runs: Nest reads it from the decorator's metadata.
    filePath: 'src/event-log/index.ts',
    typed: true,
    code: "import { Pool } from 'pg'; const on = (_: object) => {}; @on export class A { constructor(readonly a: Pool) {} }",
  },
];

let found: ReadonlyMap<Snippet, string[]>;

beforeAll(async () => {
  const fixture = fileURLToPath(new URL('./lint.fixture.mjs', import.meta.url));
  // As in CI, wherever it runs: tools read that name.
  const env = { ...process.env, CI: 'true' };
  const linter = spawn(process.execPath, [fixture], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const snippets = [...refused, ...allowed];
  linter.stdin.end(JSON.stringify(snippets));
  const answers = JSON.parse(await text(linter.stdout)) as string[][];
  found = new Map(snippets.map((snippet, index) => [snippet, answers[index]!]));
});

const named = <S extends Snippet>(snippet: S) => ({ ...snippet, line: snippet.code.split('\n')[0], snippet });

test.each(refused.map(named))('$rule refuses in $filePath: $line', ({ snippet, rule }) => {
  expect(found.get(snippet)).toContainEqual(expect.stringMatching(`^${rule}: `));
});

test.each(allowed.map(named))('nothing is wrong in $filePath with: $line', ({ snippet }) => {
  expect(found.get(snippet)).toEqual([]);
});
