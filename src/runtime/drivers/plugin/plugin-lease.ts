import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import type { Acquisition, EffectRequest, JsonObject } from '../../../domain/driver-contract/runtime-driver.js';
import { isJsonObject } from '../../../domain/driver-contract/json-object.js';

/** Where a sandbox's commands run unless its plugin says otherwise. */
export const DEFAULT_CWD = '/tmp';

/** What is kept with a lease of a plugin. */
export type PluginTeardown = JsonObject & {
  readonly environmentId: string;
  /** The environment's config, with references in place of secrets. */
  readonly config: JsonObject;
  /** What the plugin wants to have back with every call. */
  readonly leaseMetadata: JsonObject;
};

/** Characters of what is recorded of a plugin's answer, or shown. */
const MAX_LENGTH = 65_536;

/** Whether a part of a plugin's answer may be recorded or shown. */
export function isShort(value: unknown, most = MAX_LENGTH): boolean {
  return JSON.stringify(value).length <= most;
}

/** As ISO 8601 with four digits for the year; not a time gives false. */
function isStorableTime(time: number): boolean {
  return time >= 0 && time < Date.UTC(10_000, 0);
}

/** @param answer of environmentAcquireLease or environmentResumeLease, without secrets @throws DriverError driver_failed */
export function acquisitionOf(
  answer: unknown,
  { environmentId, config }: Pick<EffectRequest, 'environmentId' | 'config'>,
  known: JsonObject,
): Acquisition {
  const { providerLeaseId = null, metadata: leaseMetadata = {}, expiresAt = null } = isJsonObject(answer) ? answer : {};
  const isId = providerLeaseId === null || (typeof providerLeaseId === 'string' && providerLeaseId.length <= 1_000);
  const isTime = expiresAt === null || (typeof expiresAt === 'string' && isStorableTime(Date.parse(expiresAt)));
  if (!isJsonObject(answer) || !isId || !isTime || !isJsonObject(leaseMetadata) || !isShort(leaseMetadata)) {
    throw new DriverError('permanent', 'driver_failed', 'The plugin’s answer is not a lease.', true);
  }
  return {
    providerLeaseId,
    metadata: { ...leaseMetadata, ...known, remoteCwd: cwdOf(leaseMetadata) },
    teardown: { environmentId, config, leaseMetadata } satisfies PluginTeardown,
    expiresAt: typeof expiresAt === 'string' ? new Date(expiresAt).toISOString() : null,
  };
}

export function cwdOf({ remoteCwd }: JsonObject): string {
  return typeof remoteCwd === 'string' && remoteCwd.startsWith('/') ? remoteCwd : DEFAULT_CWD;
}
