const EVERY_MS = 10_000;

/** Lets one line of a kind pass in ten seconds, and tells with the next one how many there were. */
export class Seldom {
  private readonly kinds = new Map<string, { since: number; more: number }>();

  constructor(
    private readonly write: (line: string) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  say(kind: string, line: string): void {
    const known = this.kinds.get(kind);
    const now = this.now();
    if (known && now - known.since < EVERY_MS) {
      known.more += 1;
      return;
    }
    const more = known && known.more > 0 ? ` (and ${known.more} more like the last one since)` : '';
    this.kinds.set(kind, { since: now, more: 0 });
    this.write(line + more);
  }
}
