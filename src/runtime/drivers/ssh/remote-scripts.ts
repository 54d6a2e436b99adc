import { readProgram } from '../../../platform/programs/read-program.js';
import type { HostProgram } from './shell-words.js';

/** The programs that run on SSH hosts: each file says what it does, and takes and prints; common.sh what it may rely on. */
export const ACQUIRE: HostProgram = {
  name: 'acquire',
  text: readProgram(import.meta.dirname, 'host/acquire.sh'),
};
export const FIND: HostProgram = {
  name: 'find',
  text: readProgram(import.meta.dirname, 'host/find.sh'),
};
export const RELEASE: HostProgram = {
  name: 'release',
  text: readProgram(import.meta.dirname, 'host/release.sh'),
};
export const PROBE: HostProgram = {
  name: 'probe',
  text: readProgram(import.meta.dirname, 'host/probe.sh'),
};
export const EXECUTE: HostProgram = {
  name: 'execute',
  text: readProgram(import.meta.dirname, 'host/execute.sh'),
};
export const END_COMMAND: HostProgram = {
  name: 'end-command',
  text: readProgram(import.meta.dirname, 'host/end-command.sh'),
};
