/** `npm run soak`, which CI runs too: what is repeated until chance has had its turns is repeated as often as it should be. */
export const IS_SOAK = process.env['LEASEHOLD_SOAK'] === 'yes';

/** How often something is done: enough to see that it works at all, or, in the soak, enough to see that it always does. */
export function grown(times: number, inSoak: number): number {
  return IS_SOAK ? inSoak : times;
}

/** At most, for one property in the soak: well inside its test's ten minutes, on a machine that is busy with others too. */
const LONGEST_MS = 240_000;

/**
 * How often fast-check tries a property: so many times, in the soak as many of them as there is time for. What chance may
 * turn up does not depend on how fast the machine is.
 */
export function turns(times: number, inSoak: number): { numRuns: number; interruptAfterTimeLimit: number } {
  return { numRuns: grown(times, inSoak), interruptAfterTimeLimit: LONGEST_MS };
}
