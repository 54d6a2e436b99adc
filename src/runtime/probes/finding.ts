import { DRIVER_REASONS, type DriverReason } from '../../domain/driver-contract/driver-names.js';
import { failureText } from '../../domain/driver-contract/failure-text.js';
import type { ProbeResult } from '../../domain/driver-contract/runtime-driver.js';
import type { ProbeFinding } from '../../domain/environments/events.js';

/** What of a probe's answer is recorded: of its details, which are the driver's own, the reason and the timings. */
export function findingOf({ driver, ok, summary, details }: ProbeResult, durationMs: number): ProbeFinding {
  const steps = details?.['steps'];
  return {
    driver,
    ok,
    reasonCode: ok ? null : (DRIVER_REASONS.find((reason) => reason === details?.['reasonCode']) ?? UNNAMED),
    summary: failureText(summary),
    durationMs,
    steps: Array.isArray(steps)
      ? steps
          .filter(isStep)
          .map(({ step, ok: ended, durationMs: took }) => ({ step: failureText(step), ok: ended, durationMs: took }))
      : [],
  };
}

const UNNAMED: DriverReason = 'driver_failed';

function isStep(value: unknown): value is ProbeFinding['steps'][number] {
  if (typeof value !== 'object' || value === null) return false;
  const { step, ok, durationMs } = value as Record<string, unknown>;
  return typeof step === 'string' && typeof ok === 'boolean' && Number.isInteger(durationMs);
}
