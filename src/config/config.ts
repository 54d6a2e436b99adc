import { resolve } from 'node:path';

/** The settings of the service: every environment variable that it reads, validated. See the README for what they mean. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** Absolute path. */
  readonly dataDir: string;
  /** Null: the embedded Postgres in the data folder. */
  readonly databaseUrl: string | null;
}

/** What is wrong with the settings, in sentences for the person who starts the service. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** @throws ConfigError that names every setting that is wrong. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];
  const host = set(env['HOST']) ?? '127.0.0.1';
  if (!isLoopback(host)) {
    problems.push(
      `HOST is "${host}": without access control the service listens on loopback only (127.0.0.0/8, ::1, localhost).`,
    );
  }
  const port = set(env['PORT']) ?? '3000';
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    problems.push(`PORT is "${port}": it must be a number from 0 (any free port) to 65535.`);
  }
  const databaseUrl = set(env['DATABASE_URL']) ?? null;
  if (databaseUrl !== null && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
    problems.push('DATABASE_URL must begin with postgres:// or postgresql://.');
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  const dataDir = resolve(set(env['LEASEHOLD_DATA_DIR']) ?? '.leasehold');
  return { host, port: Number(port), dataDir, databaseUrl };
}

/** A variable that is set to nothing counts as unset, as it does for a shell's `${NAME:-default}`. */
function set(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value.trim();
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
