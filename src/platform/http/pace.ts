const BURST = 2;
const EVERY_MS = 2_000;
/** The same again is counted for as long as this. */
const SAME_MS = 30_000;
const MOST_KINDS = 500;
const KIND_LENGTH = 160;

/** The process's; a test has its own. */
export interface PaceClock {
  now(): number;
  after(ms: number, then: () => void): void;
}

const CLOCK: PaceClock = {
  now: () => performance.now(),
  after: (ms, then) => void setTimeout(then, ms).unref(),
};

interface Kind {
  write: (suffix: string) => void;
  /** How often it was said since it was written. */
  unwritten: number;
  writtenAt: number | null;
}

/**
 * Lets lines through at two at once and one in two seconds from then on. What differs only in its ids and numbers is one kind:
 * it waits once, and is written with the number of times that it was said. So an outage that a thousand requests a second meet
 * costs a line now and then, and no other line is lost by it.
 */
export class Pace {
  private readonly kinds = new Map<string, Kind>();
  private tokens = BURST;
  private isRefilling = false;

  constructor(private readonly clock = CLOCK) {}

  /** @param write is given what to put after the line */
  say(text: string, write: (suffix: string) => void): void {
    const name = kindOf(text);
    const kind = this.kinds.get(name) ?? { write, unwritten: 0, writtenAt: null };
    kind.write = write;
    kind.unwritten += 1;
    this.kinds.delete(name);
    this.kinds.set(name, kind);
    if (this.kinds.size > MOST_KINDS) this.forgetOldest();
    this.writeDue();
  }

  /** What waits, at once: nothing can come after it. */
  writeAll(): void {
    for (const kind of this.kinds.values()) if (kind.unwritten > 0) this.write(kind);
  }

  private writeDue(): void {
    const now = this.clock.now();
    for (const kind of this.kinds.values()) {
      if (this.tokens === 0) break;
      const isDue = kind.writtenAt === null || now - kind.writtenAt >= SAME_MS;
      if (kind.unwritten === 0 || !isDue) continue;
      this.tokens -= 1;
      this.write(kind);
    }
    if (this.tokens === BURST || this.isRefilling) return;
    this.isRefilling = true;
    this.clock.after(EVERY_MS, () => this.refill());
  }

  private refill(): void {
    this.isRefilling = false;
    this.tokens += 1;
    this.writeDue();
  }

  private write(kind: Kind): void {
    const { unwritten } = kind;
    kind.unwritten = 0;
    kind.writtenAt = this.clock.now();
    kind.write(unwritten > 1 ? ` (${unwritten} times)` : '');
  }

  private forgetOldest(): void {
    const [oldest] = this.kinds.keys();
    if (oldest !== undefined) this.kinds.delete(oldest);
  }
}

/** Ids, addresses and numbers change with each time that the same thing is said. */
function kindOf(text: string): string {
  return text.replaceAll(/[0-9a-f-]*\d[0-9a-f-]*/gi, '#').slice(0, KIND_LENGTH);
}
