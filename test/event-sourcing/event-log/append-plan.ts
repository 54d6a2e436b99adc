import fc from 'fast-check';
import type { Append, Verdict } from '../../../src/event-sourcing/event-log/index.js';

/** What an appender process is told to do; it fills in the versions that it knows of at that moment. */
export interface Plan {
  /** Starts the names of the run's streams and keys. */
  readonly run: string;
  /** Starts the names of the streams that only this process writes. */
  readonly process: string;
  readonly companyId: string;
  /** Appends that are under way at once. */
  readonly concurrency: number;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly writes: readonly {
    readonly shared: boolean;
    readonly stream: number;
    readonly events: number;
    readonly off: number;
  }[];
  readonly guards: readonly { readonly stream: number; readonly off: number }[];
  readonly key: number | null;
}

/** What an appender process reports of one step. */
export interface Outcome {
  readonly append: Append;
  readonly verdict: Verdict | null;
  readonly error: string | null;
}

/** How far the expected version is off from what the process knows: mostly not at all. */
const off = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constant(-1) },
  { weight: 1, arbitrary: fc.constant(1) },
);

const step: fc.Arbitrary<Step> = fc.record({
  writes: fc.array(
    fc.record({ shared: fc.boolean(), stream: fc.nat(11), events: fc.integer({ min: 0, max: 3 }), off }),
    {
      maxLength: 3,
    },
  ),
  guards: fc.array(fc.record({ stream: fc.nat(11), off }), { maxLength: 1 }),
  key: fc.option(fc.nat(40), { freq: 2 }),
});

const steps = fc.array(step, { minLength: 100, maxLength: 200, size: 'max' });

export interface Contest {
  readonly concurrency: number;
  readonly first: readonly Step[];
  readonly second: readonly Step[];
}

/** Steps for two processes that run at the same time, over shared and separate streams and with shared keys. */
export const contest: fc.Arbitrary<Contest> = fc.record({
  concurrency: fc.constantFrom(1, 8, 32),
  first: steps,
  second: steps,
});
