import { isIP } from 'node:net';
import { resolve } from 'node:path';
import ipaddr from 'ipaddr.js';
import { allowedRoots, type AllowedRoot } from './allowed-root.js';

export const ROLES = ['all', 'api', 'worker'] as const;
export type Role = (typeof ROLES)[number];

/** The settings of the service: every environment variable that it reads, validated. settings.ts says what they mean. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** Absolute path. */
  readonly dataDir: string;
  /** Null: the embedded Postgres in the data folder. */
  readonly databaseUrl: string | null;
  /** How long one connection to it, or one statement, may take, in milliseconds. */
  readonly databaseTimeoutMs: number;
  /** The most connections to it that this process opens. */
  readonly databaseConnections: number;
  /** Redis or Valkey for the queue; null: the queue is in Postgres too. */
  readonly redisUrl: string | null;
  /** What this process does: serve HTTP (`api`), do the effects (`worker`), or both. */
  readonly role: Role;
  /** 32 bytes, base64; null: a key in the data folder, made once. */
  readonly secretsKey: string | null;
  /** The same for a key that only opens what it has sealed; null: there is none. */
  readonly secretsKeyPrevious: string | null;
  /** 32 bytes, base64, of the key that signs seals; null: a key in the data folder, made once. */
  readonly auditKey: string | null;
  /** Set for a command that only reads: keys that are not there are not made. */
  readonly isReader?: true;
  /** Absolute path of the file that seals are written to as they are made, or null. */
  readonly sealsFile: string | null;
  /** Events wait this long at most until they are sealed, in milliseconds. */
  readonly sealEveryMs: number;
  /** Whether commands may be run on the service's own machine. */
  readonly localExecute: boolean;
  /** Absolute folders that a `localPath` may be in. */
  readonly workspaceRoots: readonly AllowedRoot[];
  /** Upper bounds for a sandbox on the service's own machine, for every environment. */
  readonly sandboxMost: { readonly memoryMb: number; readonly diskMb: number; readonly processes: number };
  /** How long a sandbox stays that no lease of the log has, in milliseconds. */
  readonly orphanMs: number;
  /** Bytes that a workspace may have when it is moved. */
  readonly syncLimitBytes: number;
  /** URLs of this service to be tried from a host, in their order. */
  readonly runtimeApiCandidates: readonly string[];
  /** Addresses and ranges that SSH may connect to besides public ones; null: all while nobody but this machine can call. */
  readonly sshAddresses: readonly string[] | null;
  /** Names or folders of the packages whose plugins are run. */
  readonly plugins: readonly string[];
  /** Origins of pages elsewhere that may call, such as `https://console.example.org`. */
  readonly allowedOrigins: readonly string[];
  /** Names, without a port, that requests may be sent to besides the service's own. */
  readonly allowedHosts: readonly string[];
  /** Open at the same time at most; more are refused. */
  readonly maxConnections: number;
  readonly budgets: Budgets;
  readonly retryDelays: RetryDelays;
  readonly keeping: Keeping;
  /** A plugin's provider shows a sandbox at the latest this long after its creation, in milliseconds. */
  readonly pluginSettlingMs: number;
  readonly webhooks: WebhookSettings;
  /** A worker that is gone loses its jobs to another one after this, in milliseconds. */
  readonly workerLockMs: number;
  /** Effects that one process does at the same time. */
  readonly workerConcurrency: number;
  /** How long the process may take to end when it is asked to, in milliseconds. */
  readonly shutdownMs: number;
  /** Of the queue's keys in Redis: services with logs of their own need one each. */
  readonly queuePrefix: string;
}

/** Waits between the attempts at an effect, in milliseconds; after the last one it is given up. */
export interface RetryDelays {
  readonly provisioning: readonly number[];
  readonly cleanup: readonly number[];
}

/** How long sandboxes without a holder are kept. */
export interface Keeping {
  /** How long a failed lease's sandbox is retained, in seconds. */
  readonly retainedSeconds: number;
  /** How long one waits to be reused, in seconds. */
  readonly reusableSeconds: number;
  /** Retained ones of an environment, and reusable ones that the same leases could have. */
  readonly max: number;
}

export interface WebhookSettings {
  /** Whether they may be sent to addresses that are not public: loopback, link-local, private and so on. */
  readonly privateAddresses: boolean;
  /** Waits after failed attempts at one event, in milliseconds; the last one repeats. */
  readonly retryMs: readonly number[];
  /** How often in a row an event fails before its webhook is paused. */
  readonly pauseAfter: number;
  /** One attempt, from the look-up of the name to the answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** How long things may take, in milliseconds. */
export interface Budgets {
  /** Until a host or sandbox is ready: one attempt to acquire, to take back or to probe. */
  readonly readinessMs: number;
  /** One command, where the call does not say less; no call may say more. */
  readonly executionMs: number;
  /** One connection or one round trip to a host. */
  readonly transportMs: number;
}

const WEBHOOK_RETRY_MS = [1_000, 5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000];

/** With fewer, the parts of a process would wait for each other. */
const LEAST_CONNECTIONS = 22;

/** Where Nest finds the Config. */
export const CONFIG = Symbol('Config');

export type Settings = Readonly<Record<string, string | undefined>>;

/** Problems of the settings, in sentences for the operator. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** @throws ConfigError that names every setting that is wrong. */
export function readConfig(env: Settings): Config {
  const problems: string[] = [];
  const refuse = (condition: boolean, problem: string): void => {
    if (condition) problems.push(problem);
  };
  const host = set(env['HOST']) ?? '127.0.0.1';
  const port = set(env['PORT']) ?? '3000';
  refuse(
    !/^\d{1,5}$/.test(port) || Number(port) > 65_535,
    `PORT is "${port}": it must be a number from 0 (any free port) to 65535.`,
  );
  const databaseUrl = set(env['DATABASE_URL']) ?? null;
  refuse(
    databaseUrl !== null && !/^postgres(ql)?:\/\//.test(databaseUrl),
    'DATABASE_URL must begin with postgres:// or postgresql://.',
  );
  const databaseTimeoutMs = milliseconds(env, 'LEASEHOLD_DATABASE_TIMEOUT_MS', 10_000, problems);
  const databaseConnections = wholeNumber(env, 'LEASEHOLD_DATABASE_CONNECTIONS', 34, problems);
  refuse(
    databaseConnections < LEAST_CONNECTIONS,
    `LEASEHOLD_DATABASE_CONNECTIONS is "${databaseConnections}": a process needs ${LEAST_CONNECTIONS} at least.`,
  );
  const redisUrl = set(env['REDIS_URL']) ?? null;
  refuse(redisUrl !== null && !/^rediss?:\/\//.test(redisUrl), 'REDIS_URL must begin with redis:// or rediss://.');
  const role = set(env['LEASEHOLD_ROLE']) ?? 'all';
  refuse(!isRole(role), `LEASEHOLD_ROLE is "${role}": it must be one of ${ROLES.join(', ')}.`);
  const secretsKey = masterKey(env, 'LEASEHOLD_SECRETS_KEY', problems);
  const secretsKeyPrevious = masterKey(env, 'LEASEHOLD_SECRETS_KEY_PREVIOUS', problems);
  const auditKey = masterKey(env, 'LEASEHOLD_AUDIT_KEY', problems);
  const sealsFile = set(env['LEASEHOLD_SEALS_FILE']);
  const sealEveryMs = milliseconds(env, 'LEASEHOLD_SEAL_EVERY_MS', 2_000, problems);
  const localExecute = set(env['LEASEHOLD_LOCAL_EXECUTE']) ?? 'false';
  refuse(!isYesOrNo(localExecute), 'LEASEHOLD_LOCAL_EXECUTE must be true or false.');
  const workspaceRoots = allowedRoots(parsed(set(env['LEASEHOLD_WORKSPACE_ROOTS']) ?? '[]'));
  refuse(
    workspaceRoots === null,
    'LEASEHOLD_WORKSPACE_ROOTS must be a JSON array of absolute paths, such as ["/srv/work"], or a JSON object of one for each company’s id.',
  );
  const runtimeApiCandidates = list(env, 'LEASEHOLD_RUNTIME_API_CANDIDATES', problems, isHttpUrl, 'http or https URLs');
  const sshAddresses = list(
    env,
    'LEASEHOLD_SSH_ADDRESSES',
    problems,
    isAddressRange,
    'IP addresses and ranges (10.0.0.0/8)',
  );
  const allowedOrigins = list(env, 'LEASEHOLD_ALLOWED_ORIGINS', problems, isOrigin, 'origins (https://name:port)');
  const allowedHosts = list(env, 'LEASEHOLD_ALLOWED_HOSTS', problems, (name) => /^[^/:\s]+$/.test(name), 'host names');
  const maxConnections = wholeNumber(env, 'LEASEHOLD_MAX_CONNECTIONS', 5_000, problems);
  const budgets: Budgets = {
    readinessMs: milliseconds(env, 'LEASEHOLD_READINESS_BUDGET_MS', 120_000, problems),
    executionMs: milliseconds(env, 'LEASEHOLD_EXECUTION_BUDGET_MS', 3_600_000, problems),
    transportMs: milliseconds(env, 'LEASEHOLD_TRANSPORT_BUDGET_MS', 15_000, problems),
  };
  const retryDelays: RetryDelays = {
    provisioning: delays(env, 'LEASEHOLD_PROVISIONING_RETRY_MS', [500, 2_000, 5_000, 10_000, 20_000], problems),
    cleanup: delays(env, 'LEASEHOLD_CLEANUP_RETRY_MS', [1_000, 5_000, 15_000, 60_000, 300_000, 900_000], problems),
  };
  const keeping: Keeping = {
    retainedSeconds: wholeNumber(env, 'LEASEHOLD_RETAINED_SECONDS', 86_400, problems),
    reusableSeconds: wholeNumber(env, 'LEASEHOLD_REUSABLE_SECONDS', 3_600, problems),
    max: wholeNumber(env, 'LEASEHOLD_KEPT_MAX', 5, problems),
  };
  const pluginSettlingMs = milliseconds(env, 'LEASEHOLD_PLUGIN_SETTLING_MS', 300_000, problems);
  const privateAddresses = set(env['LEASEHOLD_WEBHOOK_PRIVATE_ADDRESSES']) ?? 'false';
  refuse(!isYesOrNo(privateAddresses), 'LEASEHOLD_WEBHOOK_PRIVATE_ADDRESSES must be true or false.');
  const webhooks: WebhookSettings = {
    privateAddresses: privateAddresses === 'true',
    retryMs: delays(env, 'LEASEHOLD_WEBHOOK_RETRY_MS', WEBHOOK_RETRY_MS, problems),
    pauseAfter: wholeNumber(env, 'LEASEHOLD_WEBHOOK_PAUSE_AFTER', 20, problems),
    timeoutMs: milliseconds(env, 'LEASEHOLD_WEBHOOK_TIMEOUT_MS', 10_000, problems),
  };
  const sandboxMost = {
    memoryMb: wholeNumber(env, 'LEASEHOLD_SANDBOX_MAX_MEMORY_MB', 1_048_576, problems),
    diskMb: wholeNumber(env, 'LEASEHOLD_SANDBOX_MAX_DISK_MB', 1_048_576, problems),
    processes: wholeNumber(env, 'LEASEHOLD_SANDBOX_MAX_PROCESSES', 32_768, problems),
  };
  const syncLimitBytes = set(env['LEASEHOLD_SYNC_LIMIT_BYTES']) ?? String(10 * 1024 ** 3);
  refuse(!/^[1-9]\d{0,14}$/.test(syncLimitBytes), 'LEASEHOLD_SYNC_LIMIT_BYTES must be a number of bytes.');
  const workerLockMs = milliseconds(env, 'LEASEHOLD_WORKER_LOCK_MS', 10_000, problems);
  const workerConcurrency = set(env['LEASEHOLD_WORKER_CONCURRENCY']) ?? '64';
  refuse(!/^[1-9]\d{0,3}$/.test(workerConcurrency), 'LEASEHOLD_WORKER_CONCURRENCY must be a number from 1 to 9999.');
  const orphanMs = milliseconds(env, 'LEASEHOLD_ORPHAN_SANDBOX_MS', 3_600_000, problems);
  const shutdownMs = milliseconds(env, 'LEASEHOLD_SHUTDOWN_MS', 30_000, problems);
  if (problems.length > 0 || !isRole(role)) throw new ConfigError(problems.join('\n'));
  return {
    host,
    port: Number(port),
    dataDir: resolve(set(env['LEASEHOLD_DATA_DIR']) ?? '.leasehold'),
    databaseUrl,
    databaseTimeoutMs,
    databaseConnections,
    redisUrl,
    role,
    secretsKey,
    secretsKeyPrevious,
    auditKey,
    sealsFile: sealsFile === undefined ? null : resolve(sealsFile),
    sealEveryMs,
    localExecute: localExecute === 'true',
    workspaceRoots: workspaceRoots ?? [],
    sandboxMost,
    orphanMs,
    syncLimitBytes: Number(syncLimitBytes),
    runtimeApiCandidates,
    sshAddresses: set(env['LEASEHOLD_SSH_ADDRESSES']) === undefined ? null : sshAddresses,
    plugins: (set(env['LEASEHOLD_PLUGINS']) ?? '').split(',').flatMap((name) => set(name) ?? []),
    allowedOrigins,
    allowedHosts: allowedHosts.map((name) => name.toLowerCase()),
    maxConnections,
    budgets,
    retryDelays,
    keeping,
    pluginSettlingMs,
    webhooks,
    workerLockMs,
    workerConcurrency: Number(workerConcurrency),
    shutdownMs,
    queuePrefix: set(env['LEASEHOLD_QUEUE_PREFIX']) ?? 'leasehold',
  };
}

/** A variable that is set to nothing counts as unset, as it does for a shell's `${NAME:-default}`. */
function set(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value.trim();
}

function isYesOrNo(text: string): boolean {
  return text === 'true' || text === 'false';
}

function isRole(name: string): name is Role {
  return (ROLES as readonly string[]).includes(name);
}

/** Whether only this machine can reach what listens there. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function isAddressRange(text: string): boolean {
  return isIP(text) === 0 ? ipaddr.isValidCIDR(text) : !text.includes('%');
}

function isOrigin(text: string): boolean {
  return isHttpUrl(text) && new URL(text).origin === text;
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function masterKey(env: Settings, name: string, problems: string[]): string | null {
  const key = set(env[name]) ?? null;
  if (key === null || /^[A-Za-z0-9+/]{43}=$/.test(key)) return key;
  problems.push(`${name} must be 32 bytes in base64: \`openssl rand -base64 32\` creates one.`);
  return null;
}

function milliseconds(env: Settings, name: string, unset: number, problems: string[]): number {
  const text = set(env[name]);
  if (text === undefined) return unset;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  problems.push(`${name} is "${text}": it must be a number of milliseconds.`);
  return unset;
}

function wholeNumber(env: Settings, name: string, unset: number, problems: string[]): number {
  const text = set(env[name]);
  if (text === undefined) return unset;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  problems.push(`${name} is "${text}": it must be a whole number from 1.`);
  return unset;
}

/** A JSON array of numbers. */
function delays(env: Settings, name: string, unset: readonly number[], problems: string[]): readonly number[] {
  const text = set(env[name]);
  if (text === undefined) return unset;
  const items = parsed(text);
  if (Array.isArray(items) && items.every((item) => Number.isInteger(item) && item >= 0)) return items as number[];
  problems.push(`${name} must be a JSON array of milliseconds, such as [1000, 5000].`);
  return unset;
}

/** A JSON array of texts. */
function list(
  env: Settings,
  name: string,
  problems: string[],
  fits: (item: string) => boolean,
  what: string,
): readonly string[] {
  const text = set(env[name]);
  if (text === undefined) return [];
  const items = parsed(text);
  if (Array.isArray(items) && items.every((item) => typeof item === 'string' && fits(item))) return items as string[];
  problems.push(`${name} must be a JSON array of ${what}, such as ["…"].`);
  return [];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
