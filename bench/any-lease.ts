/** A lease on the company's default environment with nothing asked for but what has to be. */
export const ANY_LEASE = {
  environmentId: null,
  issueId: null,
  agentId: null,
  adapterType: null,
  executionWorkspaceId: null,
  executionWorkspaceMode: null,
  leasePolicy: 'ephemeral',
  priority: 0,
  ttlSeconds: 3_600,
  idleTtlSeconds: null,
  maxTtlSeconds: null,
  expiryNoticeSeconds: 0,
  metadata: {},
} as const;
