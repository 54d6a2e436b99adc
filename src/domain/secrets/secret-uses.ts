import type { SecretUses } from './decide.js';
import type { Secret } from './state.js';

/** Knows what refers to a secret: the domains whose configs and teardowns may do so are above this folder. */
export interface SecretUseFinder {
  /** What refers to it as the log has it now. */
  usesOf(secret: Secret): Promise<SecretUses>;
}

/** Where Nest finds the SecretUseFinder. */
export const SECRET_USE_FINDER = Symbol('SecretUseFinder');
