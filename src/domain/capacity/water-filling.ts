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
  if (least > amount) {
    const upToThose = claims.map(({ weight, atLeast }) => ({ weight, atLeast: 0, atMost: atLeast }));
    return waterFill(amount, upToThose);
  }
  const given = claims.map(() => 0);
  let open = claims.map((claim, index) => ({ claim, index }));
  let left = amount;
  while (open.length > 0) {
    const weights = open.reduce((sum, { claim }) => sum + claim.weight, 0);
    const shareOf = ({ weight }: Claim): number => Math.floor((left * weight) / weights);
    const moves = open.map(({ claim }) => within(claim, shareOf(claim)) - shareOf(claim));
    const excess = moves.reduce((sum, move) => sum + move, 0);
    // Whoever is moved against the excess may still be moved back once the others are settled.
    const isSettled = (move: number): boolean => excess === 0 || (excess > 0 ? move > 0 : move < 0);
    let settled = 0;
    open.forEach(({ claim, index }, place) => {
      if (!isSettled(moves[place] as number)) return;
      given[index] = within(claim, shareOf(claim));
      settled += given[index];
    });
    open = open.filter((_one, place) => !isSettled(moves[place] as number));
    left -= settled;
  }
  return given;
}

function within({ atLeast, atMost }: Claim, share: number): number {
  return Math.min(atMost, Math.max(atLeast, share));
}
