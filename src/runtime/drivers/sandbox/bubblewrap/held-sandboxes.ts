import type { HeldSandbox } from './held-sandbox.js';

interface Held {
  readonly starting: Promise<HeldSandbox>;
  used: number;
  idle: NodeJS.Timeout | null;
}

/** An idle sandbox costs its memory; making it again costs a few commands' time. */
const ENDED_AFTER_IDLE_MS = 60_000;

/** The sandboxes that this process holds, by their names. */
export class HeldSandboxes {
  private readonly byName = new Map<string, Held>();

  /** Does something in a sandbox; `start` makes it where it is not held. */
  async use<T>(
    name: string,
    start: (lost: () => void) => Promise<HeldSandbox>,
    work: (sandbox: HeldSandbox) => Promise<T>,
  ): Promise<T> {
    const held = this.byName.get(name) ?? this.begin(name, start);
    if (held.idle) clearTimeout(held.idle);
    held.idle = null;
    held.used += 1;
    try {
      return await work(await held.starting);
    } finally {
      held.used -= 1;
      if (held.used === 0) held.idle = setTimeout(() => void this.end(name, held), ENDED_AFTER_IDLE_MS).unref();
    }
  }

  /** Ends all of them; resolves when nothing is left. */
  async close(): Promise<void> {
    await Promise.all([...this.byName].map(([name, held]) => this.end(name, held)));
  }

  private begin(name: string, start: (lost: () => void) => Promise<HeldSandbox>): Held {
    const held: Held = { starting: start(() => this.forget(name, held)), used: 0, idle: null };
    this.byName.set(name, held);
    held.starting.catch(() => this.forget(name, held));
    return held;
  }

  private async end(name: string, held: Held): Promise<void> {
    this.forget(name, held);
    await held.starting.then(
      (sandbox) => sandbox.end(),
      () => undefined,
    );
  }

  private forget(name: string, held: Held): void {
    if (this.byName.get(name) === held) this.byName.delete(name);
    if (held.idle) clearTimeout(held.idle);
  }
}
