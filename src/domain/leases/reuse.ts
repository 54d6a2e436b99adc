import type { JsonObject, Kept, Lease, LeaseTerms, Reuse } from './state.js';

/** What a lease with this policy shares sandboxes by; null where it shares none. */
export function reuseScope(
  companyId: string,
  terms: Omit<LeaseTerms, 'priority' | 'metadata'>,
): readonly unknown[] | null {
  const { leasePolicy, environmentId, executionWorkspaceId, agentId, adapterType, driver, provider } = terms;
  const common = [companyId, environmentId, agentId, adapterType, driver, provider];
  if (leasePolicy === 'reuse_by_environment') return common;
  // Without a workspace there is nobody to share with.
  if (leasePolicy === 'reuse_by_execution_workspace' && executionWorkspaceId !== null) {
    return [...common, executionWorkspaceId];
  }
  return null;
}

/** By which all retained sandboxes of an environment are found. */
export function retainedKey(environmentId: string): string {
  return `retained ${environmentId}`;
}

/** Names of what is not the same in two fingerprints. */
export function differences(one: Reuse['fingerprint'], other: Reuse['fingerprint']): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => one[name] !== other[name]).sort();
}

/** The settings of a config by name; those of a plugin's own config have theirs behind a dot. */
export function settingsOf(config: JsonObject): [name: string, value: unknown][] {
  return Object.entries(config).flatMap(([name, value]) => {
    const inner = name === 'driverConfig' && typeof value === 'object' && value !== null ? Object.entries(value) : null;
    return inner
      ? inner.map(([key, one]): [string, unknown] => [`config.${name}.${key}`, one])
      : [[`config.${name}`, value]];
  });
}

/** A lease that has ended and still holds something. */
export type KeepingLease = Extract<Lease, { readonly endedAt: string }> & { readonly kept: Kept };

export function isKeeping(lease: Lease | null): lease is KeepingLease {
  return lease !== null && lease.endedAt !== null && lease.kept !== null;
}

/** Whether what a lease held may be another's: only where it was given back as it should be. */
export function isReusable(lease: Lease): boolean {
  return (
    lease.reuse !== null && lease.status === 'releasing' && lease.grant !== null && lease.ending.outcome === 'released'
  );
}
