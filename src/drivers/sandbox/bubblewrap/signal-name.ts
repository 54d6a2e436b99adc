import { constants } from 'node:os';

const NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** Such as `SIGKILL` for 9. */
export function signalName(number: number): string {
  // SIGIOT and SIGPOLL are other names of two, which nobody expects.
  const name = NAMES.get(number);
  return { SIGIOT: 'SIGABRT', SIGPOLL: 'SIGIO' }[name ?? ''] ?? name ?? `SIG${number}`;
}
