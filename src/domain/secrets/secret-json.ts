import type { Secret } from './state.js';

/** A secret as callers see it: never its values. */
export type SecretJson = Omit<Secret, 'environmentIds'>;

export function secretJson(secret: Secret): SecretJson {
  const { id, companyId, name, latestVersion, madeFor, createdAt, updatedAt, version, position } = secret;
  return { id, companyId, name, latestVersion, madeFor, createdAt, updatedAt, version, position };
}
