import { constants } from 'node:os';

const NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** Such as `SIGKILL` for 9. */
export function signalName(number: number): string {
  // SIGIOT and SIGPOLL are other names of two, which nobody expects.
  const name = NAMES.get(number);
  return { SIGIOT: 'SIGABRT', SIGPOLL: 'SIGIO' }[name ?? ''] ?? name ?? `SIG${number}`;
}

/** A signal as the other side names it (KILL, SIGKILL, sigkill), by its one name. */
export function signalNamed(said: string): string {
  const bare = said
    .trim()
    .toUpperCase()
    .replace(/^(SIG)+/, '');
  return /^[A-Z0-9+-]{1,16}$/.test(bare) ? `SIG${bare}` : 'SIGUNKNOWN';
}

/** Those that have the same number everywhere. */
const SAME_EVERYWHERE = [1, 2, 3, 4, 6, 8, 9, 11, 13, 14, 15];
export const OF_THIS_MACHINE = [...NAMES.keys()];

/**
 * A shell tells of a signal by 128 and its number, and a program may itself end with such a code: the code is what is known,
 * the signal is a guess.
 */
export function guessedSignal(exitCode: number, signals: readonly number[] = SAME_EVERYWHERE): string | null {
  return signals.includes(exitCode - 128) ? signalName(exitCode - 128) : null;
}
