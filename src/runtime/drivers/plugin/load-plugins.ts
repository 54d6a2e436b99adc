import { ConfigError, type Budgets } from '../../../platform/config/config.js';
import { failureText } from '../../../domain/driver-contract/failure-text.js';
import type { RuntimeDriver } from '../../../domain/driver-contract/runtime-driver.js';
import type { SecretReader } from '../../../domain/driver-contract/secret-reader.js';
import { PluginDriver } from './plugin-driver.js';
import { findPlugin } from './plugin-package.js';
import { PluginWorker, type HostInfo } from './plugin-worker.js';

/** What plugins are run with. */
export interface PluginHost {
  readonly secrets: SecretReader;
  readonly budgets: Budgets;
  /** A provider shows a sandbox at the latest this long after its creation. */
  readonly settlingMs: number;
  readonly info: HostInfo;
  /** Where files are that go in or out. */
  readonly spool: string;
  /** Where what workers say goes, a line each. */
  readonly write: (line: string) => void;
}

/**
 * The drivers of the plugins that are named. No worker runs until it is called.
 * @param names folders or package names
 * @throws ConfigError that says which of them cannot be used
 */
export async function loadPlugins(names: readonly string[], host: PluginHost): Promise<PluginDriver[]> {
  const { secrets, budgets, settlingMs, info, spool, write } = host;
  const drivers: PluginDriver[] = [];
  for (const name of names) {
    const plugin = await findPlugin(name);
    const worker = new PluginWorker(plugin, budgets.readinessMs, write, info);
    for (const declared of plugin.manifest.environmentDrivers) {
      const forms = declared.kind === 'sandbox_provider' ? (['sandbox', 'plugin'] as const) : (['plugin'] as const);
      try {
        drivers.push(
          ...forms.map((form) => new PluginDriver(form, plugin, declared, worker, secrets, budgets, settlingMs, spool)),
        );
      } catch (error) {
        const what = `"${name}": the schema of ${declared.driverKey} cannot be used: ${failureText(error)}`;
        throw new ConfigError(`LEASEHOLD_PLUGINS: ${what}`);
      }
    }
  }
  return drivers;
}

/** @throws ConfigError when two drivers have the same name: an environment could not say which it means */
export function requireDistinct(drivers: readonly RuntimeDriver[]): readonly RuntimeDriver[] {
  const names = drivers.map(({ driver, provider }) => `${driver} ${provider ?? ''}`.trim());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return drivers;
  throw new ConfigError(`LEASEHOLD_PLUGINS: there are two drivers "${twice}".`);
}
