import { accepted, refused, type Decision } from '../../event-sourcing/commands/decision.js';
import type { SecretEvent } from './events.js';
import type { MadeFor, Secret, SecretState } from './state.js';

/** What refers to a secret at the moment. */
export interface SecretUses {
  readonly environmentIds: readonly string[];
  /** Leases that are not settled. */
  readonly leaseIds: readonly string[];
}

export function createSecret(name: string, madeFor: MadeFor | null): readonly SecretEvent[] {
  return [{ type: 'SecretCreated', data: { name, version: 1, madeFor } }];
}

export function rotateSecret(companyId: string, state: SecretState): Decision<readonly SecretEvent[]> {
  const secret = secretOf(companyId, state);
  if (secret === null) return notFound();
  return accepted([{ type: 'SecretRotated', data: { version: secret.latestVersion + 1 } }]);
}

/** @param uses what refers to it, read after the state that this is decided on. */
export function deleteSecret(
  companyId: string,
  state: SecretState,
  { environmentIds, leaseIds }: SecretUses,
): Decision<readonly SecretEvent[]> {
  if (secretOf(companyId, state) === null) return notFound();
  if (environmentIds.length > 0 || leaseIds.length > 0) {
    const count = `${environmentIds.length} from environments, ${leaseIds.length} from leases`;
    return refused('secret_in_use', `References to it: ${count}.`, { environmentIds, leaseIds });
  }
  return accepted([{ type: 'SecretDeleted', data: {} }]);
}

/** The secret, where it is this company's and has not been deleted. */
export function secretOf(companyId: string, state: SecretState): Secret | null {
  return state.kind === 'present' && state.secret.companyId === companyId ? state.secret : null;
}

/** Whether it was made for this environment's config and no other environment has ever referred to it. */
export function belongsTo(environmentId: string, { madeFor, environmentIds }: Secret): boolean {
  return madeFor?.environmentId === environmentId && environmentIds.every((id) => id === environmentId);
}

function notFound(): Decision<never> {
  return refused('secret_not_found', 'The company has no secret with this id.');
}
