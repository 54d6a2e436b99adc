import { ENVIRONMENT_EXAMPLE } from '../../environments/http/environment-answers.js';
import type { AnyWish } from '../lease-of-own-id.js';
import { LEASE_EXAMPLE } from './lease-answers.js';
import { limitsOf, type AcquireLeaseBody } from './lease-bodies.js';

/** What a body asks for: what it does not say has a default. */
export function leaseWishOf(body: AcquireLeaseBody): AnyWish {
  return {
    environmentId: body.environmentId ?? null,
    heartbeatRunId: body.heartbeatRunId ?? null,
    issueId: body.issueId ?? null,
    agentId: body.agentId ?? null,
    adapterType: body.adapterType ?? null,
    executionWorkspaceId: body.executionWorkspaceId ?? null,
    executionWorkspaceMode: body.executionWorkspaceMode ?? null,
    leasePolicy: body.leasePolicy ?? 'ephemeral',
    priority: body.priority ?? 0,
    ...limitsOf(body),
    metadata: body.metadata ?? {},
  };
}

export const ACQUIRE_EXAMPLES = {
  local: {
    summary: 'This machine, for a run',
    value: { heartbeatRunId: LEASE_EXAMPLE.heartbeatRunId },
  },
  sandbox: {
    summary: 'An environment, for an hour',
    value: {
      environmentId: ENVIRONMENT_EXAMPLE.id,
      heartbeatRunId: LEASE_EXAMPLE.heartbeatRunId,
      ttlSeconds: 3600,
      leasePolicy: 'retain_on_failure',
    },
  },
};
