/**
 * Whether a pattern with `*` (any characters) and `?` (one) fits the whole of a text. Goes back to the last `*` only, so it takes
 * at most as many steps as both have characters multiplied: a regular expression can take exponentially many.
 */
export function matchesWildcard(pattern: string, text: string): boolean {
  let [at, inText] = [0, 0];
  /** Where to go on from when what follows the last `*` does not fit: behind it, one character later each time. */
  let [afterStar, retryFrom] = [-1, 0];
  while (inText < text.length) {
    const next = pattern[at];
    if (next === '*') {
      at += 1;
      [afterStar, retryFrom] = [at, inText];
    } else if (next === '?' || next === text[inText]) {
      at += 1;
      inText += 1;
    } else if (afterStar === -1) {
      return false;
    } else {
      retryFrom += 1;
      [at, inText] = [afterStar, retryFrom];
    }
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}
