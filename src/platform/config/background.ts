import { Injectable } from '@nestjs/common';

/** A single failure may be temporary. */
const TELLING = 2;
/** Each part runs more often than this; a part that does not has nothing left to do. */
const FORGOTTEN_MS = 60_000;

interface Part {
  readonly failures: number;
  readonly reason: string;
  readonly at: number;
}

/**
 * Recurring background work of the process, such as sealing and expiry: a part whose last attempts failed is
 * a problem until it succeeds.
 */
@Injectable()
export class Background {
  private readonly parts = new Map<string, Part>();

  succeeded(part: string): void {
    this.parts.delete(part);
  }

  failed(part: string, error: unknown): void {
    const failures = (this.parts.get(part)?.failures ?? 0) + 1;
    const reason = error instanceof Error ? error.message : String(error);
    this.parts.set(part, { failures, reason, at: performance.now() });
  }

  get problems(): string[] {
    const since = performance.now() - FORGOTTEN_MS;
    return [...this.parts].flatMap(([part, { failures, reason, at }]) =>
      failures < TELLING || at < since ? [] : [`${part} fails: ${reason}`],
    );
  }
}
