import { LeaseholdError, type FieldError } from '../../../errors/catalogue.js';
import type { Lease } from '../../../domain/leases/state.js';
import type { RealizationRequest } from '../realization.js';
import type { RealizeWorkspaceBody } from './workspace-bodies.js';

export function realizationRequest({
  requestedMode,
  source,
  runtimeOverlay,
}: RealizeWorkspaceBody): RealizationRequest {
  return {
    requestedMode: requestedMode ?? null,
    source: {
      kind: source.kind,
      localPath: source.localPath ?? null,
      projectId: source.projectId ?? null,
      projectWorkspaceId: source.projectWorkspaceId ?? null,
      repoUrl: source.repoUrl ?? null,
      repoRef: source.repoRef ?? null,
      strategy: source.strategy ?? 'project_primary',
      branchName: source.branchName ?? null,
      worktreePath: source.worktreePath ?? null,
    },
    runtimeOverlay: {
      provisionCommand: runtimeOverlay?.provisionCommand ?? null,
      teardownCommand: runtimeOverlay?.teardownCommand ?? null,
      cleanupCommand: runtimeOverlay?.cleanupCommand ?? null,
      workspaceRuntime: runtimeOverlay?.workspaceRuntime ?? null,
    },
  };
}

/** A request that says what it is for must be for this lease. @throws LeaseholdError validation_failed */
export function mustBeOf(body: RealizeWorkspaceBody, { companyId, terms }: Lease): void {
  const { environmentId, executionWorkspaceId, issueId, heartbeatRunId, adapterType } = terms;
  const ofLease = { companyId, environmentId, executionWorkspaceId, issueId, heartbeatRunId, adapterType };
  const errors = Object.entries(ofLease).flatMap(([field, value]): FieldError[] => {
    const given = body[field as keyof typeof ofLease] ?? null;
    // What the lease does not know, the caller may add.
    return given === null || value === null || given === value ? [] : [{ field, message: 'differs from the lease’s' }];
  });
  if (errors.length > 0) throw new LeaseholdError('validation_failed', 'The request is for another lease.', { errors });
}
