import type { JsonObject } from './runtime-driver.js';

/** For a value of JSON: an object, and no list. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
