import { isJsonObject } from '../../domain/driver-contract/json-object.js';
import type { ExecutionTarget, RuntimeDriver } from '../../domain/driver-contract/runtime-driver.js';
import type { WorkspaceMode } from '../../domain/leases/lease-names.js';
import type { JsonObject, Lease } from '../../domain/leases/state.js';
import { movesWorkspaces } from './must-move.js';

export const SOURCE_KINDS = ['project_primary', 'task_session', 'agent_home'] as const;
export const SOURCE_STRATEGIES = ['project_primary', 'git_worktree'] as const;

/** What a caller wants to work on. */
export interface RealizationRequest {
  readonly requestedMode: WorkspaceMode | null;
  readonly source: {
    readonly kind: (typeof SOURCE_KINDS)[number];
    readonly localPath: string | null;
    readonly projectId: string | null;
    readonly projectWorkspaceId: string | null;
    readonly repoUrl: string | null;
    readonly repoRef: string | null;
    readonly strategy: (typeof SOURCE_STRATEGIES)[number];
    readonly branchName: string | null;
    readonly worktreePath: string | null;
  };
  readonly runtimeOverlay: {
    readonly provisionCommand: string | null;
    readonly teardownCommand: string | null;
    readonly cleanupCommand: string | null;
    readonly workspaceRuntime: JsonObject | null;
  };
}

export type SyncStrategy = 'none' | 'ssh_git_import_export' | 'sandbox_archive_upload_download' | 'provider_defined';

/** The record of a workspace that is there. No secrets. */
export function realizationRecord(
  lease: Extract<Lease, { status: 'active' }>,
  driver: RuntimeDriver,
  target: ExecutionTarget,
  remotePath: string | null,
  { requestedMode, source, runtimeOverlay }: RealizationRequest,
): JsonObject {
  const { id: leaseId, terms, grant } = lease;
  const { environmentId, executionWorkspaceId, provider } = terms;
  const { providerLeaseId } = grant;
  const spec = isJsonObject(target['spec']) ? target['spec'] : {};
  const { kind, localPath, strategy, ...rest } = source;
  const mode = requestedMode ?? terms.executionWorkspaceMode;
  const where = remotePath ?? localPath;
  return {
    version: 1,
    transport: terms.driver,
    provider,
    environmentId,
    leaseId,
    providerLeaseId,
    local: { path: localPath, source: kind, strategy, ...rest },
    remote: {
      path: remotePath,
      host: spec['host'] ?? null,
      port: spec['port'] ?? null,
      username: spec['username'] ?? null,
      sandboxId: terms.driver === 'sandbox' ? providerLeaseId : null,
    },
    sync: { strategy: syncStrategy(driver), ...syncSteps(driver) },
    bootstrap: { command: runtimeOverlay.provisionCommand },
    rebuild: {
      executionWorkspaceId,
      mode,
      repoUrl: source.repoUrl,
      repoRef: source.repoRef,
      localPath,
      remotePath,
      providerLeaseId,
      metadata: { ...runtimeOverlay },
    },
    summary: `The workspace is ${where === null ? 'where the caller is' : `at ${where}`} (${terms.driver}).`,
  };
}

export function syncStrategy(driver: RuntimeDriver): SyncStrategy {
  if (!movesWorkspaces(driver)) return 'none';
  switch (driver.driver) {
    case 'ssh':
      return 'ssh_git_import_export';
    case 'sandbox':
      return 'sandbox_archive_upload_download';
    case 'plugin':
      return 'provider_defined';
    case 'local':
      return 'none';
  }
}

/** The routes that move it, for callers that know them only from here. */
function syncSteps(driver: RuntimeDriver): { prepare: string | null; syncBack: string | null } {
  return movesWorkspaces(driver) ? { prepare: 'sync-in', syncBack: 'sync-out' } : { prepare: null, syncBack: null };
}
