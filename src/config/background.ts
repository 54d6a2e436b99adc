import { Injectable } from '@nestjs/common';

/** One failure may be of something that passes, and the next try mends it. */
const TELLING = 2;

interface Part {
  readonly failures: number;
  readonly reason: string;
}

/**
 * What the process does again and again without being asked, such as sealing and expiry: a part that failed the last times is
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
    this.parts.set(part, { failures, reason: error instanceof Error ? error.message : String(error) });
  }

  get problems(): string[] {
    return [...this.parts].flatMap(([part, { failures, reason }]) =>
      failures < TELLING ? [] : [`${part} fails: ${reason}`],
    );
  }
}
