import { readProgram } from '../../../../platform/programs/read-program.js';

/** What runs in a held sandbox and starts its commands: the file says how. Arguments: the numbers of SYSTEM_CALLS, and the window. */
export const SUPERVISOR = readProgram(import.meta.dirname, 'supervisor.pl');

/** The numbers of prctl and prlimit64, where a supervisor can run: they differ by machine. */
export const SYSTEM_CALLS: Readonly<Partial<Record<NodeJS.Architecture, readonly [number, number]>>> = {
  x64: [157, 302],
  arm64: [167, 261],
};
