import type { SecretRef } from '../driver-contract/secret-reader.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The reference that a config's field holds; null where it is not one. The id is lower-cased. */
export function parseSecretRef(value: unknown): SecretRef | null {
  if (typeof value !== 'object' || value === null || !('type' in value) || value.type !== 'secret_ref') return null;
  if (!('secretId' in value) || typeof value.secretId !== 'string' || !UUID.test(value.secretId)) return null;
  const version = 'version' in value ? value.version : 'latest';
  if (version !== 'latest' && !(Number.isSafeInteger(version) && Number(version) > 0)) return null;
  return { type: 'secret_ref', secretId: value.secretId.toLowerCase(), version: version as 'latest' | number };
}

/** Ids of all secrets that a JSON value refers to, however deep. Depth costs heap, never stack. */
export function secretIdsIn(root: unknown): Set<string> {
  const found = new Set<string>();
  const left: unknown[] = [root];
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const ref = parseSecretRef(value);
    if (ref) found.add(ref.secretId);
    else for (const inner of Object.values<unknown>({ ...value })) if (inner !== undefined) left.push(inner);
  }
  return found;
}
