import { isIP } from 'node:net';
import type { FieldError } from '../../errors/catalogue.js';
import type { SecretRef } from '../secret-reader.js';
import type { ConfigVerdict, JsonObject } from '../runtime-driver.js';
import { bareHost } from './ssh-url.js';
import { MAX_HOST_LENGTH, whyNotKnownHosts } from './known-hosts.js';

/** SEED, "Environment": the config of a host. */
export interface SshConfig {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** Absolute. */
  readonly remoteWorkspacePath: string;
  /** Only going in: a stored config has null. */
  readonly privateKey: string | null;
  readonly privateKeySecretRef: SecretRef | null;
  /** Of a private key that is encrypted; going in and stored as the key is. Configs that were stored before have neither. */
  readonly passphrase?: string | null;
  readonly passphraseSecretRef?: SecretRef | null;
  /** Lines as in OpenSSH's known_hosts. */
  readonly knownHosts: string | null;
  readonly strictHostKeyChecking: boolean;
  /** Whether one lease at a time may hold the host. */
  readonly exclusive: boolean;
}

const DEFAULTS = {
  port: 22,
  privateKey: null,
  privateKeySecretRef: null,
  passphrase: null,
  passphraseSecretRef: null,
  knownHosts: null,
  strictHostKeyChecking: true,
  exclusive: false,
};

const KEYS = ['host', 'username', 'remoteWorkspacePath', ...Object.keys(DEFAULTS)];
const MAX_LENGTH = 1_000;
const MAX_KEY = 64 * 1024;
/** OpenSSL takes no longer ones. */
const MAX_PASSPHRASE = 1_000;

export function validateSshConfig(given: JsonObject): ConfigVerdict {
  const config: JsonObject = { ...DEFAULTS, ...given };
  const errors: FieldError[] = Object.keys(given)
    .filter((key) => !KEYS.includes(key))
    .map((key) => ({ field: key, message: `${key} is not a setting of an SSH host` }));
  const require = (field: string, holds: boolean, message: string): void => {
    if (!holds) errors.push({ field, message: `${field} ${message}` });
  };
  const { host, port, username, remoteWorkspacePath, knownHosts } = config;
  const { privateKey, privateKeySecretRef, passphrase, passphraseSecretRef } = config;
  require('host', isHost(host), 'must be a host name or an address');
  require('port', Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65_535, 'must be from 1 to 65535');
  require('username', isName(username, /^[^\s@:/]+$/), 'must be the name of an account');
  require('remoteWorkspacePath', isAbsolutePath(remoteWorkspacePath), 'must be an absolute path without . and ..');
  require('privateKey', privateKey === null || isText(privateKey), 'must be a private key in PEM, or null');
  require('privateKeySecretRef', privateKeySecretRef === null || isSecretRef(privateKeySecretRef), REF_MESSAGE);
  require('privateKeySecretRef', privateKey !== null ||
    privateKeySecretRef !== null, 'or privateKey is needed: nobody is let in without a key');
  require('passphrase', passphrase === null || isPassphrase(passphrase), PASSPHRASE_MESSAGE);
  require('passphraseSecretRef', passphraseSecretRef === null || isSecretRef(passphraseSecretRef), REF_MESSAGE);
  const wrong =
    typeof knownHosts === 'string' ? whyNotKnownHosts(knownHosts) : 'must be lines as in known_hosts, or null';
  require('knownHosts', knownHosts === null || wrong === null, wrong ?? '');
  for (const flag of ['strictHostKeyChecking', 'exclusive']) {
    require(flag, typeof config[flag] === 'boolean', 'must be true or false');
  }
  if (errors.length > 0) return { kind: 'invalid', errors };
  return { kind: 'valid', config: { ...config, host: bareHost(String(host)) } };
}

function isHost(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > MAX_HOST_LENGTH) return false;
  return isIP(bareHost(value)) !== 0 || /^[\p{L}\p{M}\p{N}_.-]+$/u.test(value);
}

const REF_MESSAGE = 'must be { type: "secret_ref", secretId, version: "latest" or a number }';

const PASSPHRASE_MESSAGE = `must be the passphrase of the private key, up to ${MAX_PASSPHRASE} bytes, or null`;

function isPassphrase(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= MAX_PASSPHRASE;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= MAX_KEY;
}

function isName(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && value.length <= MAX_LENGTH && pattern.test(value) && !/\p{Cc}/u.test(value);
}

function isAbsolutePath(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > MAX_LENGTH || /\p{Cc}/u.test(value)) return false;
  return value.startsWith('/') && value !== '/' && !value.split('/').some((part) => part === '.' || part === '..');
}

function isSecretRef(value: unknown): value is SecretRef {
  if (typeof value !== 'object' || value === null) return false;
  const { type, secretId, version } = value as Partial<Record<keyof SecretRef, unknown>>;
  return (
    type === 'secret_ref' &&
    typeof secretId === 'string' &&
    (version === 'latest' || (Number.isInteger(version) && Number(version) >= 1))
  );
}
