import { isJsonObject } from './json-object.js';
import type { JsonObject } from './runtime-driver.js';

/** What a config has at a path such as `driverConfig.apiKey`; undefined where there is nothing. */
export function valueAt(config: JsonObject, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, name) => (isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined),
      config,
    );
}

/** The config with another value at a path; undefined takes it away. What is missing on the way is made, unless it is taken away. */
export function withValueAt(config: JsonObject, path: string, value: unknown): JsonObject {
  const [name = '', ...rest] = path.split('.');
  const { [name]: present, ...others } = config;
  if (rest.length > 0) {
    if (value === undefined && !isJsonObject(present)) return config;
    return { ...config, [name]: withValueAt(isJsonObject(present) ? present : {}, rest.join('.'), value) };
  }
  return value === undefined ? others : { ...config, [name]: value };
}
