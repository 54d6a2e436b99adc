import Table from 'cli-table3';
import { shownAsEscapes, visible, visibleLines } from './visible.js';

/** One column of a table for people. */
export interface Column<Row> {
  readonly name: string;
  readonly of: (row: Row) => unknown;
}

const BORDERLESS = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '' },
  ...{ 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: ' ' },
};

/** All that leaves for stdout. */
export function print(text: string): void {
  process.stdout.write(`${visibleLines(text)}\n`);
}

/** All that leaves for stderr. */
export function tell(text: string): void {
  process.stderr.write(`${visibleLines(text)}\n`);
}

/** How to get the rest of a list; nothing where this was all of it. */
export function tellOfMore(cursor: string | null | undefined): void {
  if (cursor != null) tell(`There are more. Next page: --cursor ${cursor}`);
}

/** JSON for programs, else what `people` makes of it. */
export function show<Answer>(answer: Answer, isJson: boolean, people: (answer: Answer) => string): void {
  print(isJson ? JSON.stringify(answer) : people(shownAsEscapes(answer)));
}

export function tableOf<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  if (rows.length === 0) return '(none)';
  const table = new Table({
    head: columns.map(({ name }) => name),
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 1 },
  });
  for (const row of rows) table.push(columns.map(({ of }) => textOf(of(row))));
  return table.toString();
}

/** A field a line, `name  value`. */
export function fieldsOf(object: object): string {
  const width = Math.max(...Object.keys(object).map((name) => name.length));
  return Object.entries(object)
    .map(([name, value]) => `${name.padEnd(width)}  ${textOf(value)}`)
    .join('\n');
}

export function textOf(value: unknown): string {
  if (value === null || value === undefined) return '-';
  return visible(typeof value === 'string' ? value : JSON.stringify(value));
}
