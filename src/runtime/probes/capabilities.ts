import type { RuntimeDriver } from '../../domain/driver-contract/runtime-driver.js';
import { ENVIRONMENT_DRIVERS, type EnvironmentDriver } from '../../domain/driver-contract/driver-names.js';
import { supportsDriver } from '../../domain/leases/decide.js';
import { ADAPTER_TYPES, type AdapterType } from '../../domain/leases/lease-names.js';

type Support = 'supported' | 'unsupported';

export interface SandboxProviderCapabilities {
  readonly status: Support;
  readonly supportsSavedProbe: boolean;
  readonly supportsUnsavedProbe: boolean;
  readonly supportsRunExecution: boolean;
  readonly supportsReusableLeases: boolean;
  readonly displayName: string;
  readonly description: string;
  readonly source: 'builtin' | 'plugin';
  readonly pluginKey: string | null;
  readonly pluginId: string | null;
}

/** Which adapters and drivers are supported. */
export interface Capabilities {
  readonly adapters: readonly {
    readonly adapterType: AdapterType;
    readonly drivers: Readonly<Record<EnvironmentDriver, Support>>;
    readonly sandboxProviders: Readonly<Record<string, Support>>;
  }[];
  readonly drivers: Readonly<Record<EnvironmentDriver, Support>>;
  readonly sandboxProviders: Readonly<Record<string, SandboxProviderCapabilities>>;
}

export function capabilitiesOf(drivers: readonly RuntimeDriver[]): Capabilities {
  const has = (name: EnvironmentDriver): boolean => drivers.some(({ driver }) => driver === name);
  const providers = drivers.flatMap((driver) =>
    driver.driver === 'sandbox' && driver.provider !== null ? [{ key: driver.provider, driver }] : [],
  );
  const byDriver = (supports: (name: EnvironmentDriver) => boolean): Record<EnvironmentDriver, Support> =>
    Object.fromEntries(ENVIRONMENT_DRIVERS.map((name) => [name, word(has(name) && supports(name))])) as Record<
      EnvironmentDriver,
      Support
    >;
  return {
    adapters: ADAPTER_TYPES.map((adapterType) => ({
      adapterType,
      drivers: byDriver((name) => supportsDriver(adapterType, name)),
      sandboxProviders: Object.fromEntries(
        providers.map(({ key, driver }) => [
          key,
          word(driver.capabilities.supportsRunExecution && supportsDriver(adapterType, 'sandbox')),
        ]),
      ),
    })),
    drivers: byDriver(() => true),
    sandboxProviders: Object.fromEntries(
      providers.map(({ key, driver: { capabilities, displayName, description, plugin, unavailable = null } }) => [
        key,
        {
          status: word(unavailable === null),
          ...capabilities,
          displayName,
          description: unavailable === null ? description : `${description} ${unavailable}`,
          source: plugin ? ('plugin' as const) : ('builtin' as const),
          pluginKey: plugin?.key ?? null,
          // A plugin has no row here: its key is all that names it.
          pluginId: plugin?.key ?? null,
        },
      ]),
    ),
  };
}

function word(supported: boolean): Support {
  return supported ? 'supported' : 'unsupported';
}
