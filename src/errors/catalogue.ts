import { OPERATIONAL_ERRORS } from './operational-errors.js';
import { REQUEST_ERRORS } from './request-errors.js';

/**
 * Every error that a caller can meet: its stable `code`, the HTTP status that it travels with, a title that is the same
 * every time, and what to do about it. Codes are contracts: they are added, never renamed.
 */
export const ERRORS = {
  ...REQUEST_ERRORS,
  company_not_found: {
    status: 404,
    title: 'Company not found.',
    remedy: 'Check the id, and that the token may act for the company.',
  },
  token_not_found: {
    status: 404,
    title: 'Token not found.',
    remedy: 'List the tokens at /api/tokens.',
  },
  environment_not_found: {
    status: 404,
    title: 'Environment not found.',
    remedy: 'Check the id. Deleted environments and those of other companies are not found.',
  },
  environment_inactive: {
    status: 409,
    title: 'The environment is archived.',
    remedy: 'Set its status to `active` first, or use another environment.',
  },
  environment_cordoned: {
    status: 409,
    title: 'The environment takes no new leases.',
    remedy:
      'Use another environment, or wait. `since` and `reason` say more. Callers with `environments:manage` can uncordon it or send `allowCordoned: true`.',
  },
  environment_quarantined: {
    status: 409,
    title: 'The environment is quarantined after repeated failures.',
    remedy:
      'Use another environment, or fix the cause in `reason`. The environment is probed automatically and takes leases again once a probe succeeds. Callers with `environments:manage` can probe or uncordon it, or send `allowCordoned: true`.',
  },
  environment_in_use: {
    status: 409,
    title: 'The environment has unfinished leases.',
    remedy:
      'Release the leases in `leaseIds`. A released lease counts until its cleanup is done and its `inDoubtUntil` is null.',
  },
  local_environment_exists: {
    status: 409,
    title: 'The company already has a local environment.',
    remedy: 'Use the environment in `environmentId`.',
  },
  unsupported_environment: {
    status: 422,
    title: 'This service has no driver for the environment.',
    remedy: 'Use a driver and a provider from /api/companies/:companyId/environments/capabilities.',
  },
  driver_unavailable: {
    status: 502,
    title: 'The environment’s driver is not available.',
    remedy: 'See `detail`, then retry. Nothing was recorded.',
  },
  unsupported_adapter_environment: {
    status: 422,
    title: 'The adapter does not run in this environment.',
    remedy: 'Use an environment with a driver that supports the adapter type.',
  },
  lease_not_found: {
    status: 404,
    title: 'Lease not found.',
    remedy: 'Check the id.',
  },
  nothing_kept: {
    status: 409,
    title: 'The lease has no kept sandbox.',
    remedy: 'Acquire a new lease. A lease’s sandbox is kept until its `keptUntil`.',
  },
  lease_acquire_failed: {
    status: 502,
    title: 'The driver could not provide the environment.',
    remedy: 'See `detail`, and the history of the failed lease in `leaseId`.',
  },
  lease_id_taken: {
    status: 409,
    title: 'Another lease has this id.',
    remedy: 'Use another id, or repeat the request with exactly the terms that you sent first.',
  },
  lease_not_active: {
    status: 409,
    title: 'The lease is not active.',
    remedy: 'See its `status`. If it is queued or provisioning, wait. If it has ended, acquire another lease.',
  },
  lease_ended: {
    status: 409,
    title: 'The lease has ended, or is ending.',
    remedy: 'See `reasonCode`. Acquire another lease.',
  },
  stale_fence: {
    status: 409,
    title: 'The fence is that of an earlier holder.',
    remedy: 'Stop the work under the old fence. To go on, acquire another lease.',
  },
  fence_mismatch: {
    status: 409,
    title: 'The fence is not that of the lease.',
    remedy: 'Send the `fence` of the lease in the path.',
  },
  fence_required: {
    status: 428,
    title: 'Commands on the lease must send its fence.',
    remedy: 'Send the lease’s `fence` in `X-Lease-Fence`.',
  },
  sandbox_elsewhere: {
    status: 409,
    title: 'Another service process has the lease’s sandbox.',
    remedy:
      'Send the request to the process whose data folder has the sandbox: the one on the machine that acquired it.',
  },
  execution_not_repeatable: {
    status: 409,
    title: 'The command was started before.',
    remedy: 'The lease’s events show how it ended. Send another Idempotency-Key to run it again.',
  },
  unsupported_operation: {
    status: 422,
    title: 'The environment’s driver does not support this.',
    remedy: 'See `detail`.',
  },
  execution_failed: {
    status: 502,
    title: 'The command did not complete.',
    remedy: 'See `reasonCode` and `detail`.',
  },
  workspace_realization_failed: {
    status: 502,
    title: 'The workspace could not be created.',
    remedy: 'See `reasonCode` and `detail`.',
  },
  workspace_sync_failed: {
    status: 502,
    title: 'The workspace could not be synced.',
    remedy: 'See `reasonCode` and `detail`. A repeated sync starts from the beginning.',
  },
  workspace_not_empty: {
    status: 409,
    title: 'The workspace contains files that this lease did not put there.',
    remedy: 'Send `replace: true` to remove them. `replace` is refused while other leases use the folder.',
  },
  workspace_in_use: {
    status: 409,
    title: 'Other active leases use the folder.',
    remedy: 'Release them first, or use an environment with another `remoteWorkspacePath`.',
  },
  workspace_changed: {
    status: 409,
    title: 'The record of the last sync in is missing or was changed.',
    remedy: 'Take the whole workspace as an archive, or sync in again.',
  },
  sync_in_progress: {
    status: 409,
    title: 'Another sync of the workspace is running.',
    remedy: 'Retry after it has finished.',
  },
  local_path_not_allowed: {
    status: 403,
    title: 'The service may not use this path.',
    remedy: 'Use a folder under one of `LEASEHOLD_WORKSPACE_ROOTS`, or sync with an archive.',
  },
  repository_unusable: {
    status: 409,
    title: 'The repository in the `localPath` cannot be used.',
    remedy:
      'See `detail`. Run `git fsck` there; in a partial clone, `git fetch --refetch --no-filter` fetches what is missing. Or send an archive.',
  },
  invalid_archive: {
    status: 400,
    title: 'The archive is not valid.',
    remedy: 'Send a tar archive of files, folders and symlinks. None may lead out of the workspace.',
  },
  storage_full: {
    status: 507,
    title: 'A disk of the service’s machine is full.',
    remedy: 'Free space on the disk of the data folder or of the `localPath`, then retry.',
  },
  storage_unavailable: {
    status: 503,
    title: 'The service’s data folder cannot be written to.',
    remedy: 'See `detail`. Check the folder in `LEASEHOLD_DATA_DIR`.',
  },
  archive_too_large: {
    status: 413,
    title: 'The archive is too large.',
    remedy: 'Send less, or raise `LEASEHOLD_SYNC_LIMIT_BYTES`.',
  },
  cleanup_not_failed: {
    status: 409,
    title: 'The lease’s cleanup has not failed.',
    remedy: 'See the lease’s `cleanupStatus`: only a `failed` or `irrevocable` cleanup can be retried or written off.',
  },
  lease_release_failed: {
    status: 409,
    title: 'The lease cannot be released in its current state.',
    remedy: 'It has only just been asked for: retry in a second.',
  },
  secret_not_found: {
    status: 404,
    title: 'Secret not found.',
    remedy: 'Check the id. Deleted secrets and those of other companies are not found.',
  },
  secret_in_use: {
    status: 409,
    title: 'The secret is in use.',
    remedy: 'First replace it in the configs of `environmentIds`, and release the leases in `leaseIds`.',
  },
  webhook_not_found: {
    status: 404,
    title: 'Webhook not found.',
    remedy: 'Check the id. Deleted webhooks and those of other companies are not found.',
  },
  webhook_address_refused: {
    status: 422,
    title: 'Webhooks may not be sent to this address.',
    remedy: 'Use a public address. `LEASEHOLD_WEBHOOK_PRIVATE_ADDRESSES` allows others.',
  },
  version_conflict: {
    status: 409,
    title: 'The version has changed since it was read.',
    remedy: 'Read the current version, then repeat the change.',
  },
  idempotency_key_reused: {
    status: 409,
    title: 'The idempotency key was used for another command.',
    remedy: 'Use a new key for a new command.',
  },
  at_in_future: {
    status: 400,
    title: 'The requested point is in the future.',
    remedy: 'Use a position that the log has reached, or a time that has passed.',
  },
  at_before_log: {
    status: 400,
    title: 'The requested point is before the start of the log.',
    remedy: 'Use a later point. The first position is 1.',
  },
  position_ahead_of_log: {
    status: 400,
    title: 'The log has not reached that position.',
    remedy: 'Use a position from an answer of this service.',
  },
  read_model_behind: {
    status: 503,
    title: 'The read model has not caught up yet.',
    remedy: 'Retry shortly. If the error persists, see /api/projections.',
  },
  projection_not_found: {
    status: 404,
    title: 'Projection not found.',
    remedy: 'List the projections at /api/projections.',
  },
  projection_rebuilding: {
    status: 409,
    title: 'A rebuild of the projection is already running.',
    remedy: 'Wait until it has finished. /api/projections shows its progress.',
  },
  subscription_not_found: {
    status: 404,
    title: 'Subscription not found.',
    remedy: 'List the subscriptions at /api/subscriptions.',
  },
  stream_not_parked: {
    status: 404,
    title: 'The stream is not parked.',
    remedy: 'List the parked streams of the subscription.',
  },
  ...OPERATIONAL_ERRORS,
} as const satisfies Record<string, { status: number; title: string; remedy: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** A field that is not as it should be; `field` is a path such as `config.image`. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** What a refusal may tell beside its sentence; the names are those of the JSON answer. */
export interface ErrorFacts {
  readonly errors?: readonly FieldError[];
  readonly leaseIds?: readonly string[];
  readonly leaseId?: string;
  readonly environmentId?: string;
  readonly environmentIds?: readonly string[];
  readonly actualVersion?: number;
  /** How a lease has ended, and when (ISO 8601; null: it is ending). */
  readonly leaseStatus?: string;
  readonly endedAt?: string | null;
  /** Why, where the code alone does not say: a lease's reason code. */
  readonly reasonCode?: string | null;
  /** Who or what has an environment take no new leases: ISO 8601 `since`. */
  readonly by?: string;
  readonly since?: string;
  readonly reason?: string | null;
}

/** An expected failure: the one error type that crosses from the inside to the HTTP edge. */
export class LeaseholdError extends Error {
  override readonly name = 'LeaseholdError';

  /** @param detail one sentence about this occurrence, without any secret. */
  constructor(
    readonly code: ErrorCode,
    detail: string,
    readonly facts: ErrorFacts = {},
  ) {
    super(detail);
  }
}
