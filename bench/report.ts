import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Measurement } from './measure.js';

/** One contender under one load. */
export interface Row extends Measurement {
  readonly name: string;
  readonly callers: number;
}

/** A promise about speed. */
export interface Check {
  readonly claim: string;
  readonly measured: number;
  readonly atLeast: number;
}

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
  const checks = report.checks.map((check) => ({ ...check, holds: check.measured >= check.atLeast }));
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
      row.perSecond.toFixed(0),
      row.p50Ms.toFixed(2),
      row.p99Ms.toFixed(2),
    ]),
  );
  print('');
  printTable(
    ['', 'measured', 'at least', ''],
    checks.map((check) => [
      check.claim,
      check.measured.toFixed(2),
      check.atLeast.toFixed(2),
      check.holds ? 'holds' : 'FAILS',
    ]),
  );
  if (json) {
    const { bench, measured, rows } = report;
    print(JSON.stringify({ bench, measured, machine, rows, checks, holds }));
  }
  return holds;
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
