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
  // Nothing imports what is on a floor above: each pair of floors.
  ...breaking(DIRECTIONS, [
    ['src/cli/a.ts', "import '../app/app.module.js';"],
    ['src/audit/history/a.ts', "import '../../cli/output.js';"],
    ['src/runtime/execution/a.ts', "import '../../cli/output.js';"],
    ['src/runtime/execution/a.ts', "import '../../audit/history/timeline.js';"],
    ['src/domain/leases/a.ts', "import '../../cli/output.js';"],
    ['src/domain/leases/a.ts', "import '../../audit/history/timeline.js';"],
    ['src/domain/leases/a.ts', "import '../../runtime/provisioning/anything.js';"],
    ['src/platform/operations/a.ts', "import '../../cli/output.js';"],
    ['src/platform/http/a.ts', "import '../../audit/history/timeline.js';"],
    ['src/platform/operations/a.ts', "import '../../runtime/provisioning/effect-queue.js';"],
    ['src/platform/http/a.ts', "import '../../domain/leases/state.js';"],
    ['src/platform/database/a.ts', "import '../../domain/leases/lease-row.js';"],
    ['src/event-sourcing/event-log/a.ts', "import '../../cli/output.js';"],
    ['src/event-sourcing/projections/a.ts', "import '../../audit/history/timeline.js';"],
    ['src/event-sourcing/projections/a.ts', "import '../../runtime/drivers/linger.js';"],
    ['src/event-sourcing/event-log/a.ts', "import '../../domain/leases/lease-store.js';"],
    ['src/event-sourcing/event-log/a.ts', "import type { Environment } from '../../domain/environments/state.js';"],
    ['src/event-sourcing/event-log/a.ts', "export type A = import('../../domain/leases/state.js').Lease;"],
    ['src/event-sourcing/event-log/a.ts', "export const a = () => import('../../domain/leases/lease-store.js');"],
    ['src/event-sourcing/subscriptions/a.ts', "import '../../domain/leases/lease-store.js';"],
    ['src/event-sourcing/projections/a.ts', "import '../../domain/environments/environment-row.js';"],
    ['src/event-sourcing/projections/a.ts', "import '../../domain/driver-contract/runtime-driver.js';"],
    ['src/event-sourcing/commands/a.ts', "import '../../domain/leases/decide.js';"],
    ['src/event-sourcing/read-models/a.ts', "import '../../domain/leases/lease-row.js';"],
    ['src/event-sourcing/event-log/a.ts', "import '../../platform/config/config.js';"],
    ['src/event-sourcing/projections/a.ts', "import '../../platform/http/index.js';"],
    ['src/errors/a.ts', "import '../event-sourcing/event-log/index.js';"],
    ['src/errors/a.ts', "import '../platform/config/config.js';"],
  ]),
  // On a floor, a room imports those that its line names.
  ...breaking(DIRECTIONS, [
    ['src/event-sourcing/event-log/a.ts', "export * from '../../errors/catalogue.js';"],
    ['src/event-sourcing/event-log/a.ts', "import '../subscriptions/index.js';"],
    ['src/event-sourcing/event-log/a/b.ts', "import '../../commands/decision.js';"],
    ['src/event-sourcing/subscriptions/a.ts', "import '../projections/projection.js';"],
    ['src/event-sourcing/projections/a.ts', "import '../commands/state-store.js';"],
    ['src/event-sourcing/projections/a.ts', "import '../replay/anything.js';"],
    ['src/platform/embedded/a.ts', "import '../config/config.js';"],
    ['src/platform/config/a.ts', "import '../embedded/index.js';"],
    ['src/runtime/drivers/ssh/a.ts', "import '../../../domain/environments/state.js';"],
    ['src/runtime/drivers/a.ts', "import '../../event-sourcing/event-log/index.js';"],
    ['src/domain/driver-contract/a.ts', "import '../environments/state.js';"],
    ['src/domain/environments/a.ts', "import '../leases/state.js';"],
    ['src/domain/environments/commands/a.ts', "import '../../leases/state.js';"],
    ['src/domain/environments/a.ts', "import '../../platform/config/config.js';"],
    ['src/domain/secrets/a.ts', "import '../environments/state.js';"],
    ['src/domain/leases/a.ts', "import '../../event-sourcing/subscriptions/index.js';"],
    ['src/audit/history/a.ts', "import '../feed/feed.js';"],
    ['src/runtime/drivers/a.ts', "import '../execution/executions.js';"],
    // A room that has no line.
    ['src/domain/anything/a.ts', "import '../../errors/catalogue.js';"],
    ['migrations/a.ts', "import '../src/domain/leases/state.js';"],
  ]),
  // Nobody in src imports tests or benchmarks, and no part imports what wires it.
  ...breaking(DIRECTIONS, [
    ['src/domain/leases/a.ts', "import '../../../test/support/database.js';"],
    ['src/platform/operations/a.ts', "import '../../../bench/measure.js';"],
    ['src/main.ts', "import '../test/support/database.js';"],
    ['src/platform/operations/a.ts', "import '../../app/app.module.js';"],
    ['src/platform/http/a.ts', "import '../../main.js';"],
  ]),
  // Only edges know HTTP.
  ...breaking(DIRECTIONS, [
    ['src/domain/leases/commands/a.ts', "import '../../../platform/http/index.js';"],
    ['src/domain/leases/commands/a.ts', "import '../http/lease-bodies.js';"],
    ['src/platform/operations/a.ts', "import './http/health.controller.js';"],
  ]),
  ...breaking(PACKAGES, [
    ['src/domain/leases/a.ts', "import type { FastifyRequest } from 'fastify';"],
    ['src/domain/leases/a.ts', "import { ApiProperty } from '@nestjs/swagger';"],
    ['src/platform/operations/a.ts', "import '@fastify/static';"],
    ['src/platform/operations/a.ts', "import '@nestjs/platform-fastify';"],
    ['src/domain/leases/a.ts', "import { Controller } from '@nestjs/common';"],
    ['src/domain/leases/a.ts', "import { NotFoundException } from '@nestjs/common';"],
    ['src/domain/leases/a.ts', "import * as nest from '@nestjs/common';"],
  ]),
  // The core is pure.
  ...breaking(DIRECTIONS, [['src/domain/leases/decide.ts', "import './lease-store.js';"]]),
  ...breaking(PACKAGES, [
    ['src/domain/leases/decide.ts', "import { uuidv7 } from 'uuidv7';"],
    ['src/domain/leases/decide.ts', "import type { Pool } from 'pg';"],
    ['src/domain/leases/state.ts', "import { Entity } from 'typeorm';"],
    ['src/domain/leases/events.ts', "import 'typebox/value';"],
    ['src/domain/leases/deadline.ts', "export { Injectable } from '@nestjs/common';"],
    ['src/domain/leases/lease-json.ts', "import { createHash } from 'node:crypto';"],
    ['src/domain/leases/lease-names.ts', "import 'rxjs';"],
    ['src/event-sourcing/commands/decision.ts', "import 'bullmq';"],
    ['src/audit/replay/decide.ts', "export * from 'pg';"],
  ]),
  ...breaking('no-restricted-properties', [
    ['src/domain/leases/decide.ts', 'export const a = Date.now();'],
    ['src/domain/leases/decide.ts', 'export const { now } = Date;'],
    ['src/domain/leases/decide.ts', 'export const a = Math.random();'],
  ]),
  ...breaking('no-restricted-syntax', [
    ['src/domain/leases/decide.ts', 'export const a = new Date();'],
    ['src/domain/leases/decide.ts', 'export const a = Date();'],
    ['src/domain/leases/decide.ts', 'export async function a() {}'],
    ['src/domain/leases/decide.ts', 'await a;'],
    ['src/domain/leases/decide.ts', "export const a = import('./state.js');"],
  ]),
  ...breaking('no-restricted-globals', [
    ['src/domain/leases/decide.ts', 'export const a = crypto.randomUUID();'],
    ['src/domain/leases/decide.ts', 'export const a = performance.now();'],
    ['src/domain/leases/decide.ts', 'export const a = process.env;'],
    ['src/domain/leases/decide.ts', 'setTimeout(a);'],
  ]),
  // A regular expression of data can take for ever.
  ...breaking('no-restricted-syntax', [
    ['src/domain/leases/a.ts', 'export const a = new RegExp(b);'],
    ['src/domain/leases/a.ts', 'export const a = new RegExp(`^${b}$`);'],
    ['src/domain/leases/http/a.ts', "export const a = RegExp('^' + b);"],
    ['src/domain/leases/decide.ts', 'export const a = new RegExp(b);'],
    ['migrations/a.ts', 'export const a = new RegExp(b);'],
  ]),
  // Everywhere.
  ...breaking('@typescript-eslint/no-explicit-any', [['src/domain/leases/a.ts', 'export let a: any;']]),
  ...breaking('no-console', [['src/domain/leases/a.ts', 'console.log(1);']]),
  ...breaking('no-warning-comments', [
    ['src/domain/leases/a.ts', '// TODO: later'],
    ['scripts/a.mjs', '// FIXME'],
  ]),
  ...breaking('no-undef', [['scripts/a.mjs', 'export const a = neverDefined;']]),
  ...breaking('max-lines', [['src/domain/leases/a.ts', 'export const a = 1;\n'.repeat(301)]]),
  // A rule cannot be switched off in the file that breaks it.
  ...breaking('no-console', [['src/domain/leases/a.ts', '/* eslint-disable */\nconsole.log(1);']]),
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
  ...breaking(
    '@typescript-eslint/no-floating-promises',
    [['src/event-sourcing/event-log/index.ts', 'Promise.resolve();']],
    true,
  ),
  ...breaking(
    '@typescript-eslint/switch-exhaustiveness-check',
    [
      [
        'src/event-sourcing/event-log/index.ts',
        "export function a(b: 'c' | 'd') { switch (b) { case 'c': return 1; } return 2; }",
      ],
    ],
    true,
  ),
  ...breaking(
    '@typescript-eslint/consistent-type-imports',
    [['src/event-sourcing/event-log/index.ts', "import { Pool } from 'pg'; export const a = (pool: Pool) => pool;"]],
    true,
  ),
];

const allowed: Snippet[] = [
  {
    filePath: 'src/event-sourcing/event-log/a.ts',
    code: "import './event-log.js'; import 'pg'; import 'node:crypto';",
  },
  { filePath: 'src/event-sourcing/subscriptions/a.ts', code: "import '../event-log/index.js';" },
  { filePath: 'src/event-sourcing/projections/a.ts', code: "import '../subscriptions/index.js'; import 'typeorm';" },
  {
    filePath: 'src/runtime/drivers/ssh/a.ts',
    code: "import '../../../domain/driver-contract/runtime-driver.js'; import '../linger.js';",
  },
  {
    filePath: 'src/platform/database/a.ts',
    code: "import '../config/config.js'; import '../../../migrations/index.js';",
  },
  {
    filePath: 'src/domain/leases/commands/a.ts',
    code: "import '../../environments/environment-store.js'; import '../decide.js';",
  },
  { filePath: 'src/domain/leases/a.ts', code: "export { Injectable } from '@nestjs/common';" },
  {
    filePath: 'src/domain/leases/http/a.ts',
    code: "import '../../../platform/http/index.js'; import '../../environments/http/environment-answers.js'; import 'fastify';",
  },
  { filePath: 'src/domain/leases/leases.module.ts', code: "import './http/leases.controller.js';" },
  {
    filePath: 'src/platform/operations/a.ts',
    code: "import '../config/stopping.js'; import '../../event-sourcing/projections/projection.js';",
  },
  {
    filePath: 'src/main.ts',
    code: "import './app/app.module.js'; import './platform/config/config.js'; console.log(1);",
  },
  {
    filePath: 'src/domain/leases/decide.ts',
    code:
      "export * from 'typebox'; export { accepted } from '../../event-sourcing/commands/decision.js';" +
      " export type { Acquisition } from '../driver-contract/runtime-driver.js'; export const a = new Date(0), b = Date.parse('');",
  },
  { filePath: 'test/domain/leases/a.ts', code: "import '../../../src/domain/leases/decide.js';" },
  { filePath: 'src/domain/leases/a.ts', code: "export const a = [/^b$/, new RegExp('^b$')];" },
  {
    // What a constructor takes must be there when the program runs: Nest reads it from the decorator's metadata.
    filePath: 'src/event-sourcing/event-log/index.ts',
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
