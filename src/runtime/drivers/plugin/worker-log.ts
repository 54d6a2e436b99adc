import { failureText } from '../../../domain/driver-contract/failure-text.js';
import type { Redaction } from './redaction.js';

const LINES = 50;
/** Characters of one line, before what `failureText` leaves of it. */
const LENGTH = 1_000;
const PERIOD_MS = 60_000;

/** What is written down of a worker: bounded a minute, however much it says, and without the secrets it was given. */
export class WorkerLog {
  private since = 0;
  private lines = 0;

  constructor(
    private readonly pluginKey: string,
    private readonly redaction: Redaction,
    private readonly write: (line: string) => void,
  ) {}

  /** @param kind and @param text a worker's own words, or ours */
  note(kind: string, text: string): void {
    const now = performance.now();
    if (this.since === 0 || now - this.since > PERIOD_MS) [this.since, this.lines] = [now, 0];
    this.lines += 1;
    const said = (): string => failureText(this.redaction.beginOf(`${kind}: ${text}`, LENGTH));
    if (this.lines < LINES) this.write(`Plugin ${this.pluginKey}: ${said()}`);
    else if (this.lines === LINES) this.write(`Plugin ${this.pluginKey}: further lines of this minute are not logged.`);
  }
}
