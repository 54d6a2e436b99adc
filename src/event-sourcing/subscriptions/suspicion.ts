/**
 * What to do about a batch that fails. First it is handled again, after a pause: the cause may pass. Then it is taken
 * apart: half as many events at a time, down to the one that fails alone, whose stream is parked. The rest of the batch
 * goes through in growing pieces. All in the order of the log, and every piece with its checkpoint.
 */
export class Suspicion {
  private failures = 0;
  private limit: number;
  /** While the checkpoint is before this position, the batch that failed has not been worked off. */
  private until = 0;

  constructor(
    private readonly batchSize: number,
    private readonly tries: number,
    private readonly retryDelayMs: number,
  ) {
    this.limit = batchSize;
  }

  /** Events to handle in the next transaction at most. */
  get batchLimit(): number {
    return this.limit;
  }

  succeeded(checkpoint: number): void {
    this.failures = 0;
    this.limit = checkpoint >= this.until ? this.batchSize : Math.min(this.batchSize, this.limit * 2);
  }

  /**
   * @param checkpoint where the failed batch began, @param end where it ended, @param size how many events it had.
   */
  failed(checkpoint: number, end: number, size: number): Reaction {
    this.failures += 1;
    if (checkpoint >= this.until && this.failures < this.tries) {
      return { kind: 'again', delayMs: this.retryDelayMs * 2 ** (this.failures - 1) };
    }
    if (size <= 1) return { kind: 'park' };
    this.until = Math.max(this.until, end);
    this.limit = Math.ceil(size / 2);
    return { kind: 'again', delayMs: 0 };
  }
}

export type Reaction = { readonly kind: 'again'; readonly delayMs: number } | { readonly kind: 'park' };
