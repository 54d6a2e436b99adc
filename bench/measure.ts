import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks';

/** Times a step of a call. */
export type Timed = <T>(step: string, work: () => Promise<T>) => Promise<T>;

/** One of the things that are compared: what one caller does, again and again. */
export interface Contender {
  readonly name: string;
  call(timed: Timed): Promise<unknown>;
}

/** One that has to be closed in the end. */
export interface Runnable extends Contender {
  close(): Promise<void>;
}

export interface Load {
  /** Callers at once; each waits for its call before it makes the next. */
  readonly callers: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
}

export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Measurement extends Latency {
  readonly perSecond: number;
  /** The steps that the call timed, by name. */
  readonly steps: Readonly<Record<string, Latency>>;
}

/** What a contender did in each round. */
export interface Rounds {
  readonly name: string;
  readonly rounds: readonly Measurement[];
}

/**
 * Measures the contenders in turn, round after round, each round beginning with another one: what else the machine does
 * meanwhile, and what the tables grow by, falls on all of them alike.
 */
export async function measureInRounds(contenders: readonly Contender[], load: Load, rounds: number): Promise<Rounds[]> {
  const results = contenders.map(({ name }) => ({ name, rounds: [] as Measurement[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const index = (round + turn) % contenders.length;
      const contender = contenders[index];
      if (contender) results[index]?.rounds.push(await measure(contender, load));
    }
  }
  return results;
}

/** @throws whatever a call throws: a benchmark of failing calls measures nothing. */
export async function measure(contender: Contender, load: Load): Promise<Measurement> {
  const histogram = createHistogram();
  const steps = new Map<string, RecordableHistogram>();
  const begin = performance.now() + load.warmUpMs;
  const end = begin + load.durationMs;
  let calls = 0;
  const timed: Timed = async (step, work) => {
    // From the first call on, whether or not it counts, so that the steps are in their order.
    const ofStep = steps.get(step) ?? createHistogram();
    steps.set(step, ofStep);
    const started = performance.now();
    const result = await work();
    const now = performance.now();
    if (started >= begin && now < end) ofStep.record(Math.max(1, Math.round((now - started) * 1e6)));
    return result;
  };
  const caller = async (): Promise<void> => {
    for (let started = performance.now(); started < end;) {
      await contender.call(timed);
      const now = performance.now();
      if (started >= begin && now < end) {
        calls += 1;
        histogram.record(Math.max(1, Math.round((now - started) * 1e6)));
      }
      started = now;
    }
  };
  await Promise.all(Array.from({ length: load.callers }, caller));
  return {
    perSecond: calls / (load.durationMs / 1000),
    ...latencyOf(histogram),
    steps: Object.fromEntries([...steps].map(([step, ofStep]) => [step, latencyOf(ofStep)])),
  };
}

/** NaN where nothing was measured, with which no check holds. */
export function latencyOf(histogram: RecordableHistogram): Latency {
  if (histogram.count === 0) return { p50Ms: NaN, p99Ms: NaN };
  return { p50Ms: histogram.percentile(50) / 1e6, p99Ms: histogram.percentile(99) / 1e6 };
}

export function medianMeasurement(rounds: readonly Measurement[]): Measurement {
  const steps = Object.keys(rounds[0]?.steps ?? {});
  return {
    perSecond: median(rounds.map((round) => round.perSecond)),
    ...medianLatency(rounds),
    steps: Object.fromEntries(
      steps.map((step) => [
        step,
        medianLatency(rounds.map((round) => round.steps[step] ?? { p50Ms: NaN, p99Ms: NaN })),
      ]),
    ),
  };
}

function medianLatency(latencies: readonly Latency[]): Latency {
  return {
    p50Ms: median(latencies.map((latency) => latency.p50Ms)),
    p99Ms: median(latencies.map((latency) => latency.p99Ms)),
  };
}

/** A figure of one contender over another's, round by round: what disturbed a whole round cancels out. */
export function medianOfRatios(one: Rounds, other: Rounds, figure: (round: Measurement) => number): number {
  return median(
    one.rounds.map((round, index) => {
      const beside = other.rounds[index];
      return beside ? figure(round) / figure(beside) : NaN;
    }),
  );
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
