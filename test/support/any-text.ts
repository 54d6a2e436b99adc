import fc from 'fast-check';

const FIRST_HALF_OF_A_PAIR = 0xd800;
const HALVES_OF_PAIRS = 0x800;
const LAST_OF_ALL = 0x10ffff;

const character = fc.integer({ min: 0, max: LAST_OF_ALL - HALVES_OF_PAIRS }).map(
  (nth) => String.fromCodePoint(nth < FIRST_HALF_OF_A_PAIR ? nth : nth + HALVES_OF_PAIRS),
  // With it fast-check tries names that mean something to JavaScript too.
  (made) => {
    if (typeof made !== 'string' || [...made].length !== 1) throw new Error('not one character');
    const point = Number(made.codePointAt(0));
    return point < FIRST_HALF_OF_A_PAIR ? point : point - HALVES_OF_PAIRS;
  },
);

/** Of whole characters of all kinds, as fast-check's own unit `binary`, which keeps 90 MB of them for good. */
export const anyText = fc.string({ unit: character });
