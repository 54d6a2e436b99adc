/** `npm run soak`, which CI runs too: what is repeated until chance has had its turns is repeated as often as it should be. */
export const IS_SOAK = process.env['LEASEHOLD_SOAK'] === 'yes';

/** How often something is done: enough to see that it works at all, or, in the soak, enough to see that it always does. */
export function grown(times: number, inSoak: number): number {
  return IS_SOAK ? inSoak : times;
}
