import type { FieldError } from '../../../../errors/catalogue.js';
import type { ConfigVerdict, JsonObject } from '../../../../domain/driver-contract/runtime-driver.js';

/** What a sandbox may use. docs/decisions/0013-bubblewrap.md says what keeps each, and what that is worth. */
export interface SandboxLimits {
  /** All its processes together; each alone may have no more private memory either. */
  readonly memoryMb: number;
  /** Processes and threads at once, a few of the sandbox's own among them. */
  readonly processes: number;
  /** Of one process. */
  readonly cpuSeconds: number;
  /** What one command may print, both streams together. */
  readonly outputBytes: number;
  /** One command. */
  readonly timeoutMs: number;
  /** The workspace and the home folder together; one file alone; and the files in /tmp, which are in memory. */
  readonly diskMb: number;
}

export interface BubblewrapConfig extends SandboxLimits {
  readonly provider: 'bubblewrap';
  readonly reuseLease: boolean;
  /** Whether it has the machine's own network, the services on its loopback included. */
  readonly network: boolean;
}

const GIB = 1024 ** 3;

/** The default, and the least and the most that may be asked for. */
const LIMITS: Readonly<Record<keyof SandboxLimits, readonly [unset: number, least: number, most: number]>> = {
  memoryMb: [1_024, 32, 1_048_576],
  processes: [256, 16, 32_768],
  cpuSeconds: [3_600, 1, 86_400],
  outputBytes: [4 * GIB, 1_024, 1_024 * GIB],
  timeoutMs: [3_600_000, 1, 86_400_000],
  diskMb: [2_048, 1, 1_048_576],
};

/** Upper bounds of the operator for every environment's limits. */
export type SandboxMost = Pick<SandboxLimits, 'memoryMb' | 'diskMb' | 'processes'>;

export const MOST: SandboxMost = {
  memoryMb: LIMITS.memoryMb[2],
  diskMb: LIMITS.diskMb[2],
  processes: LIMITS.processes[2],
};

export const LIMIT_NAMES = Object.keys(LIMITS) as (keyof SandboxLimits)[];

const DEFAULTS: BubblewrapConfig = {
  provider: 'bubblewrap',
  reuseLease: false,
  network: false,
  ...(Object.fromEntries(LIMIT_NAMES.map((name) => [name, LIMITS[name][0]])) as Record<keyof SandboxLimits, number>),
};

/** What was asked for before the operator allowed less. */
export function limited<Config extends SandboxMost>(config: Config, most: SandboxMost): Config {
  const { memoryMb, diskMb, processes } = config;
  return {
    ...config,
    memoryMb: Math.min(memoryMb, most.memoryMb),
    diskMb: Math.min(diskMb, most.diskMb),
    processes: Math.min(processes, most.processes),
  };
}

export function validateBubblewrapConfig(given: JsonObject, allowed: SandboxMost = MOST): ConfigVerdict {
  const config: JsonObject = { ...limited(DEFAULTS, allowed), ...given };
  const errors: FieldError[] = Object.keys(given)
    .filter((key) => !Object.hasOwn(DEFAULTS, key))
    .map((key) => ({ field: key, message: `${key} is not a setting of the bubblewrap provider` }));
  if (config['provider'] !== DEFAULTS.provider) {
    errors.push({ field: 'provider', message: 'provider must be "bubblewrap"' });
  }
  for (const flag of ['reuseLease', 'network']) {
    if (typeof config[flag] !== 'boolean') errors.push({ field: flag, message: `${flag} must be true or false` });
  }
  for (const name of LIMIT_NAMES) {
    const [, least] = LIMITS[name];
    const most = name in allowed ? allowed[name as keyof SandboxMost] : LIMITS[name][2];
    const value = config[name];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
      errors.push({ field: name, message: `${name} must be a whole number from ${least} to ${most}` });
    }
  }
  return errors.length > 0 ? { kind: 'invalid', errors } : { kind: 'valid', config };
}
