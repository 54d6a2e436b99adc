/** For each name one after another: whoever comes while others are at it is last. */
export class Turns {
  private readonly last = new Map<string, Promise<unknown>>();

  /** @returns what the work does. @throws what it throws, which is nothing to those who come after it */
  take<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const result = (this.last.get(name) ?? Promise.resolve()).then(work);
    const over = result
      .catch(() => undefined)
      .then(() => {
        if (this.last.get(name) === over) this.last.delete(name);
      });
    this.last.set(name, over);
    return result;
  }
}
