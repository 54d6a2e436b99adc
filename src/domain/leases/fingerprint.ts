import { createHash } from 'node:crypto';
import { canonicalJson } from '../../event-sourcing/commands/canonical-json.js';
import { parseSecretRef } from '../secrets/secret-refs.js';
import type { SecretStore } from '../secrets/secret-store.js';
import { settingsOf } from './reuse.js';
import type { JsonObject, Reuse } from './state.js';

/**
 * A digest for each setting of an environment's config. A reference to a secret counts by the version that would be read
 * now, so that a sandbox which was made with an older value is not used again.
 */
export async function fingerprintOf(config: JsonObject, secrets: SecretStore): Promise<Reuse['fingerprint']> {
  const digests = settingsOf(config).map(
    async ([name, value]) => [name, digest(await resolved(value, secrets))] as const,
  );
  return Object.fromEntries(await Promise.all(digests));
}

async function resolved(value: unknown, secrets: SecretStore): Promise<unknown> {
  const ref = parseSecretRef(value);
  if (ref === null || ref.version !== 'latest') return value;
  const { state } = await secrets.current(ref.secretId);
  return { ...ref, version: state.kind === 'none' ? null : state.secret.latestVersion };
}

function digest(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 32);
}
