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

/** Work that is done again and again. */
export interface Recurring {
  /** Resolves when the run under way has ended; no further one starts. */
  stop(): Promise<void>;
}

/**
 * Recurring background work of the process, such as sealing and expiry: a part whose last attempts failed is
 * a problem until it succeeds.
 */
@Injectable()
export class Background {
  private readonly parts = new Map<string, Part>();

  /** Does work at an interval, one run at a time. @param warn hears of each run that failed */
  every(
    part: string,
    ms: number,
    work: () => Promise<void>,
    { warn = () => undefined, atOnce = false }: { readonly warn?: (error: unknown) => void; readonly atOnce?: boolean },
  ): Recurring {
    let underWay: Promise<void> | null = null;
    const begin = (): void => {
      underWay ??= work()
        .then(
          () => this.succeeded(part),
          (error: unknown) => {
            warn(error);
            this.failed(part, error);
          },
        )
        .finally(() => {
          underWay = null;
        });
    };
    if (atOnce) begin();
    const timer = setInterval(begin, ms);
    return {
      stop: async () => {
        clearInterval(timer);
        await underWay;
      },
    };
  }

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
