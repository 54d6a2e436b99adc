import type { FieldError } from '../../../errors/catalogue.js';
import type { ConfigVerdict, JsonObject } from '../../../domain/driver-contract/runtime-driver.js';
import { completeAccess, type SshAccess } from './ssh-access.js';

/** The config of an environment on a host. */
export interface SshConfig extends SshAccess {
  /** Absolute. */
  readonly remoteWorkspacePath: string;
  /** Whether one lease at a time may hold the host. */
  readonly exclusive: boolean;
}

const MAX_PATH = 1_000;

export function validateSshConfig(given: JsonObject): ConfigVerdict {
  const access = completeAccess(given, ['remoteWorkspacePath', 'exclusive']);
  const config: JsonObject = { exclusive: false, ...access.config };
  const errors: FieldError[] = [...access.errors];
  if (!isAbsolutePath(config['remoteWorkspacePath'])) {
    const message = 'remoteWorkspacePath must be an absolute path without . and ..';
    errors.push({ field: 'remoteWorkspacePath', message });
  }
  if (typeof config['exclusive'] !== 'boolean') {
    errors.push({ field: 'exclusive', message: 'exclusive must be true or false' });
  }
  return errors.length > 0 ? { kind: 'invalid', errors } : { kind: 'valid', config };
}

function isAbsolutePath(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > MAX_PATH || /\p{Cc}/u.test(value)) return false;
  return value.startsWith('/') && value !== '/' && !value.split('/').some((part) => part === '.' || part === '..');
}
