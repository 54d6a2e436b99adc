import { isJsonObject } from '../../../domain/driver-contract/json-object.js';
import type { JsonObject } from '../../../domain/driver-contract/runtime-driver.js';

/** How a plugin's own config lies in that of an environment. */
export interface ConfigForm {
  /** The fields of the config, besides those of the plugin's schema. */
  readonly envelope: readonly string[];
  inner(config: JsonObject): JsonObject;
  /** The config with another one inside. */
  outer(config: JsonObject, inner: JsonObject): JsonObject;
  /** The path of an inner field within the config; of the whole, for the empty name. */
  path(field: string): string;
}

/** Of driver `sandbox`: `{ provider, reuseLease, timeoutMs, … }`; the plugin gets all but the provider. */
export const SANDBOX_FORM: ConfigForm = {
  envelope: ['reuseLease', 'timeoutMs'],
  inner: ({ provider: _provider, ...inner }) => inner,
  outer: ({ provider }, inner) => ({ provider, ...inner }),
  path: (field) => (field === '' ? 'provider' : field),
};

/** Of driver `plugin`: `{ pluginKey, driverKey, driverConfig }`. */
export const PLUGIN_FORM: ConfigForm = {
  envelope: [],
  inner: ({ driverConfig }) => (isJsonObject(driverConfig) ? driverConfig : {}),
  outer: ({ pluginKey, driverKey }, driverConfig) => ({ pluginKey, driverKey, driverConfig }),
  path: (field) => (field === '' ? 'driverConfig' : `driverConfig.${field}`),
};
