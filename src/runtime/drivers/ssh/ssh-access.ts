import { isJsonObject } from '../../../domain/driver-contract/json-object.js';
import { isIP } from 'node:net';
import type { FieldError } from '../../../errors/catalogue.js';
import type { JsonObject } from '../../../domain/driver-contract/runtime-driver.js';
import type { SecretRef } from '../../../domain/driver-contract/secret-reader.js';
import { MAX_HOST_LENGTH, whyNotKnownHosts } from './known-hosts.js';
import { isEncrypted } from './private-key.js';
import { bareHost } from './ssh-url.js';

/** Where a host is, and how it lets us in. */
export interface SshAccess {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** Only going in: a stored config has null. A jump host without a key gets that of the host behind it. */
  readonly privateKey: string | null;
  readonly privateKeySecretRef: SecretRef | null;
  /** Of a private key that is encrypted; going in and stored as the key is. Configs that were stored before have neither. */
  readonly passphrase?: string | null;
  readonly passphraseSecretRef?: SecretRef | null;
  /** Lines as in OpenSSH's known_hosts. */
  readonly knownHosts: string | null;
  readonly strictHostKeyChecking: boolean;
  /** The host that connects on to this one; null or absent: the service connects to it. */
  readonly jumpHost?: SshAccess | null;
}

const DEFAULTS = {
  port: 22,
  privateKey: null,
  privateKeySecretRef: null,
  passphrase: null,
  passphraseSecretRef: null,
  knownHosts: null,
  strictHostKeyChecking: true,
  jumpHost: null,
};
const KEYS = ['host', 'username', ...Object.keys(DEFAULTS)];
const MAX_JUMP_HOSTS = 3;
const JUMP_HOST_MESSAGE = `must be the settings of a host, or null; at most ${MAX_JUMP_HOSTS} follow each other`;
const MAX_NAME = 1_000;
const MAX_KEY = 64 * 1024;
/** OpenSSL takes no longer ones. */
const MAX_PASSPHRASE = 1_000;

/** Paths of the secrets of a host and of its jump hosts. */
export const SECRET_FIELDS = Array.from({ length: MAX_JUMP_HOSTS + 1 }, (_none, jumps) =>
  'jumpHost.'.repeat(jumps),
).flatMap((path) => [`${path}privateKey`, `${path}passphrase`]);

/** Completes the settings of a host and of its jump hosts. @param others names of settings that it has besides */
export function completeAccess(
  given: JsonObject,
  others: readonly string[] = [],
  jumps = 0,
): { readonly config: JsonObject; readonly errors: readonly FieldError[] } {
  const config: JsonObject = { ...DEFAULTS, ...given };
  const errors: FieldError[] = Object.keys(given)
    .filter((key) => !KEYS.includes(key) && !others.includes(key))
    .map((key) => ({ field: key, message: `${key} is not a setting of ${jumps === 0 ? 'an SSH' : 'a jump'} host` }));
  const require = (field: string, holds: boolean, message: string): void => {
    if (!holds) errors.push({ field, message: `${field} ${message}` });
  };
  const { host, port, username, privateKey, privateKeySecretRef, passphrase, passphraseSecretRef, knownHosts } = config;
  require('host', isHost(host), 'must be a host name or an address');
  require('port', Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65_535, 'must be from 1 to 65535');
  require('username', isAccount(username), 'must be the name of an account');
  require('privateKey', privateKey === null || isKey(privateKey), 'must be a private key in PEM, or null');
  require('privateKeySecretRef', privateKeySecretRef === null || isSecretRef(privateKeySecretRef), REF_MESSAGE);
  require('passphrase', passphrase === null || isPassphrase(passphrase), PASSPHRASE_MESSAGE);
  require('passphraseSecretRef', passphraseSecretRef === null || isSecretRef(passphraseSecretRef), REF_MESSAGE);
  const needsPassphrase = isKey(privateKey) && isEncrypted(privateKey);
  const hasPassphrase = passphrase !== null || passphraseSecretRef !== null;
  require('passphrase', !needsPassphrase ||
    hasPassphrase, 'or passphraseSecretRef is needed: the private key is encrypted');
  const hasKey = privateKey !== null || privateKeySecretRef !== null;
  if (jumps === 0) require('privateKeySecretRef', hasKey, 'or privateKey is needed to log in');
  else
    require('passphrase', hasKey ||
      (passphrase === null && passphraseSecretRef === null), 'needs a privateKey of its own');
  const wrong =
    typeof knownHosts === 'string' ? whyNotKnownHosts(knownHosts) : 'must be lines as in known_hosts, or null';
  require('knownHosts', knownHosts === null || wrong === null, wrong ?? '');
  require('strictHostKeyChecking', typeof config['strictHostKeyChecking'] === 'boolean', 'must be true or false');
  const jumpHost = completeJumpHost(config['jumpHost'], jumps + 1);
  errors.push(...jumpHost.errors);
  return { config: { ...config, host: bareHost(String(host)), jumpHost: jumpHost.config }, errors };
}

function completeJumpHost(
  given: unknown,
  jumps: number,
): { readonly config: JsonObject | null; readonly errors: readonly FieldError[] } {
  if (given === null) return { config: null, errors: [] };
  if (!isJsonObject(given) || jumps > MAX_JUMP_HOSTS) {
    return { config: null, errors: [{ field: 'jumpHost', message: `jumpHost ${JUMP_HOST_MESSAGE}` }] };
  }
  const { config, errors } = completeAccess(given, [], jumps);
  const within = (text: string): string => `jumpHost.${text}`;
  return { config, errors: errors.map(({ field, message }) => ({ field: within(field), message: within(message) })) };
}

function isHost(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > MAX_HOST_LENGTH) return false;
  return isIP(bareHost(value)) !== 0 || /^[\p{L}\p{M}\p{N}_.-]+$/u.test(value);
}

function isAccount(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_NAME && /^[^\s@:/]+$/.test(value) && !/\p{Cc}/u.test(value);
}

function isKey(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= MAX_KEY;
}

const PASSPHRASE_MESSAGE = `must be the passphrase of the private key, up to ${MAX_PASSPHRASE} bytes, or null`;

function isPassphrase(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= MAX_PASSPHRASE;
}

const REF_MESSAGE = 'must be { type: "secret_ref", secretId, version: "latest" or a number }';

function isSecretRef(value: unknown): value is SecretRef {
  if (!isJsonObject(value)) return false;
  const { type, secretId, version } = value;
  return (
    type === 'secret_ref' &&
    typeof secretId === 'string' &&
    (version === 'latest' || (Number.isInteger(version) && Number(version) >= 1))
  );
}
