/** Lets a few do something at once; the others wait for their turn, in the order in which they came. */
export class Places {
  private readonly waiting = new Set<() => void>();

  constructor(private free: number) {}

  /** @throws the signal's reason when it is aborted before there is a place */
  async use<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.turn(signal);
    try {
      return await work();
    } finally {
      this.free += 1;
      const [next] = this.waiting;
      next?.();
    }
  }

  private turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const over = (): void => {
        this.waiting.delete(begin);
        signal.removeEventListener('abort', onAbort);
      };
      const begin = (): void => {
        over();
        this.free -= 1;
        resolve();
      };
      const onAbort = (): void => {
        over();
        reject(signal.reason as Error);
      };
      if (signal.aborted) onAbort();
      else if (this.free > 0) begin();
      else {
        this.waiting.add(begin);
        signal.addEventListener('abort', onAbort, { once: true });
      }
    });
  }
}
