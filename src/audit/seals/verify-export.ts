import { isEventLine, leafOf, positionOf } from './event-line.js';
import { EXPORT_FORMATS } from './export-log.js';
import { HistoryCheck } from './history-check.js';
import type { KeptSeals } from './kept-seals.js';
import { parseSeal, type Seal, type TrustedKeys } from './seal.js';
import type { Verification } from './verification.js';

const EVENTS_AT_ONCE = 1_000;
const FORMATS: readonly unknown[] = Object.values(EXPORT_FORMATS);

/**
 * Checks an export (see `exportLog`), with the public keys alone: neither a database nor the service is needed.
 * @throws TypeError for what is no export
 */
export async function verifyExport(
  lines: AsyncIterable<string>,
  trusted: TrustedKeys,
  kept: readonly KeptSeals[],
): Promise<Verification> {
  const reading = new ExportReading(trusted, kept);
  for await (const line of lines) await reading.read(line);
  return reading.end();
}

class ExportReading {
  private check: HistoryCheck | null = null;
  private events: string[] = [];
  private last = 0;
  private whole = false;

  constructor(
    private readonly trusted: TrustedKeys,
    private readonly kept: readonly KeptSeals[],
  ) {}

  async read(line: string): Promise<void> {
    if (!this.check) {
      const { previous, after } = startOf(line);
      this.last = after;
      this.check = new HistoryCheck({ trusted: this.trusted, kept: this.kept, previous, after });
    } else if (isEventLine(line)) {
      this.last = positionOf(line);
      this.events.push(line);
      if (this.events.length === EVENTS_AT_ONCE) this.flush(this.check);
    } else {
      const { seal, leaves, end } = objectOf(line);
      if (end !== undefined) this.whole = true;
      else {
        this.flush(this.check);
        await this.check.addSeal({ seal: parseSeal(seal), leaves: Buffer.from(String(leaves), 'base64') });
      }
    }
  }

  async end(): Promise<Verification> {
    if (!this.check) throw new TypeError('The export is empty.');
    this.flush(this.check);
    if (!this.whole) {
      const detail = 'The export is incomplete: its last line is missing.';
      const at = { position: this.last, toPosition: this.last, seal: null };
      this.check.addFinding({ ...at, kind: 'incomplete_export', detail });
    }
    return this.check.end(true);
  }

  private flush(check: HistoryCheck): void {
    const leaves = Buffer.concat(this.events.map(leafOf));
    check.addEvents({ positions: this.events.map(positionOf), leaves });
    this.events = [];
  }
}

function startOf(line: string): { previous: Seal | null; after: number } {
  const { export: header } = objectOf(line);
  if (typeof header !== 'object' || header === null) throw new TypeError('It is not an export of a log.');
  const { format, fromPosition, previousSeal } = header as Record<string, unknown>;
  if (!FORMATS.includes(format)) throw new TypeError('The export has the format of another release.');
  return { previous: previousSeal === null ? null : parseSeal(previousSeal), after: Number(fromPosition) - 1 };
}

function objectOf(line: string): Record<string, unknown> {
  let value: unknown = null;
  try {
    value = JSON.parse(line);
  } catch {
    // Said below.
  }
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new TypeError('It is not an export of a log: a line is not a JSON object.');
}
