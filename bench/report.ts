import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Latency } from './measure.js';

/** One contender, or a step of its calls, under one load. */
export interface Row extends Latency {
  readonly name: string;
  readonly callers: number;
  /** Null for a step. */
  readonly perSecond: number | null;
}

/** A promise about speed or memory. */
export type Check = { readonly claim: string; readonly measured: number } & (
  { readonly atLeast: number } | { readonly atMost: number }
);

export interface Report {
  readonly bench: string;
  /** What was measured, and how. */
  readonly measured: string;
  readonly postgres: string;
  readonly rows: readonly Row[];
  readonly checks: readonly Check[];
}

/** Prints the report for people and, where wanted, as one JSON object in the last line. @returns whether every check holds */
export function printReport(report: Report, json: boolean): boolean {
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    postgres: report.postgres,
  };
  const checks = report.checks.map((check) => ({ ...check, holds: holdsFor(check) }));
  const holds = checks.every((check) => check.holds);

  print(`${report.bench}: ${report.measured}`);
  print(
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB; Node ${machine.node}, Postgres ${machine.postgres}`,
  );
  print('');
  printTable(
    ['', 'callers', 'calls/s', 'p50 ms', 'p99 ms'],
    report.rows.map((row) => [
      row.name,
      String(row.callers),
      row.perSecond?.toFixed(0) ?? '',
      row.p50Ms.toFixed(2),
      row.p99Ms.toFixed(2),
    ]),
  );
  print('');
  printTable(
    ['', 'measured', 'bound', ''],
    checks.map((check) => [
      check.claim,
      check.measured.toFixed(2),
      'atLeast' in check ? `at least ${check.atLeast.toFixed(2)}` : `at most ${check.atMost.toFixed(2)}`,
      check.holds ? 'holds' : 'FAILS',
    ]),
  );
  if (json) {
    const { bench, measured, rows } = report;
    print(JSON.stringify({ bench, measured, machine, rows, checks, holds }));
  }
  return holds;
}

function holdsFor(check: Check): boolean {
  return 'atLeast' in check ? check.measured >= check.atLeast : check.measured <= check.atMost;
}

function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  for (const line of lines) {
    const cells = line.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    print(cells.join('  ').trimEnd());
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
