export interface Claim {
  /** Greater than 0. */
  readonly weight: number;
  readonly atLeast: number;
  /** Not less than `atLeast`. */
  readonly atMost: number;
}

/**
 * Divides an amount by weight, so that nobody gets less than `atLeast` or more than `atMost`: what somebody cannot use
 * goes to the others. Where the amount is less than all of `atLeast`, it is divided by weight up to those.
 *
 * The way of CSS for flexible boxes ("Resolving Flexible Lengths"): shares by weight, each moved into its bounds; then
 * those whose bounds decide are settled, and the rest is shared anew among the others.
 *
 * @param amount a whole number @returns whole numbers in the order of the claims; together at most the amount
 */
export function waterFill(amount: number, claims: readonly Claim[]): number[] {
  const least = claims.reduce((sum, { atLeast }) => sum + atLeast, 0);
  if (least > amount)
    return waterFill(
      amount,
      claims.map(({ weight, atLeast }) => ({ weight, atLeast: 0, atMost: atLeast })),
    );
  const given = claims.map(() => 0);
  let open = claims.map((claim, index) => ({ ...claim, index }));
  let left = amount;
  while (open.length > 0) {
    const weights = open.reduce((sum, { weight }) => sum + weight, 0);
    const shares = open.map((claim) => {
      const share = Math.floor((left * claim.weight) / weights);
      return { ...claim, share, bounded: Math.min(claim.atMost, Math.max(claim.atLeast, share)) };
    });
    const excess = shares.reduce((sum, { share, bounded }) => sum + bounded - share, 0);
    // Whoever is moved against the excess may still be moved back once the others are settled.
    const settled = shares.filter(
      ({ share, bounded }) => excess === 0 || (excess > 0 ? bounded > share : bounded < share),
    );
    for (const { index, bounded } of settled) {
      given[index] = bounded;
      left -= bounded;
    }
    open = shares.filter((claim) => !settled.includes(claim));
  }
  return given;
}
