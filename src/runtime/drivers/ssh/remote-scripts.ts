import { readProgram } from '../../../platform/programs/read-program.js';

/** The programs that run on SSH hosts: each file says what it does, and takes and prints; common.sh what it may rely on. */
export const ACQUIRE = readProgram(import.meta.dirname, 'host/acquire.sh');
export const FIND = readProgram(import.meta.dirname, 'host/find.sh');
export const RELEASE = readProgram(import.meta.dirname, 'host/release.sh');
export const PROBE = readProgram(import.meta.dirname, 'host/probe.sh');
export const EXECUTE = readProgram(import.meta.dirname, 'host/execute.sh');
export const END_COMMAND = readProgram(import.meta.dirname, 'host/end-command.sh');
