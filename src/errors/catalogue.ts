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
    title: 'There is no such company.',
    remedy: 'Check the id; a company that the token is not for is not found either.',
  },
  token_not_found: {
    status: 404,
    title: 'There is no such token.',
    remedy: 'See /api/tokens for their ids.',
  },
  environment_not_found: {
    status: 404,
    title: 'There is no such environment.',
    remedy: 'Check the id; a deleted environment and one of another company are not found either.',
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
      'Use another environment, or wait. `since` and `reason` say more. Who may manage environments can uncordon it, or send `allowCordoned: true`.',
  },
  environment_in_use: {
    status: 409,
    title: 'The environment has leases that are not finished.',
    remedy: 'Release the leases in `leaseIds`. One that is released counts until its `inDoubtUntil` is null.',
  },
  local_environment_exists: {
    status: 409,
    title: 'The company has a local environment already.',
    remedy: 'Use the environment in `environmentId`.',
  },
  unsupported_environment: {
    status: 422,
    title: 'No driver of this service serves such an environment.',
    remedy: 'Use a driver and a provider that this service has.',
  },
  driver_unavailable: {
    status: 502,
    title: 'The environment’s driver cannot be asked at the moment.',
    remedy: 'See `detail`, then try again: nothing was recorded.',
  },
  unsupported_adapter_environment: {
    status: 422,
    title: 'The adapter cannot run in such an environment.',
    remedy: 'Use an environment with a driver that supports the adapter type.',
  },
  lease_not_found: {
    status: 404,
    title: 'There is no such lease.',
    remedy: 'Check the id.',
  },
  nothing_kept: {
    status: 409,
    title: 'Nothing of the lease is kept.',
    remedy: 'Acquire a new lease; `keptUntil` of a lease says until when what it held is kept.',
  },
  lease_acquire_failed: {
    status: 502,
    title: 'The driver could not provide the environment.',
    remedy: 'See `detail`; the failed lease in `leaseId` keeps the history.',
  },
  lease_not_active: {
    status: 409,
    title: 'The lease is not active.',
    remedy: 'Wait until it is, or acquire another one.',
  },
  lease_ended: {
    status: 409,
    title: 'The lease ended while the command ran.',
    remedy: 'See `reasonCode` for why; acquire another lease to run it again.',
  },
  stale_fence: {
    status: 409,
    title: 'The lease is not the holder any more.',
    remedy: 'Stop its work, and acquire another lease.',
  },
  fence_mismatch: {
    status: 409,
    title: 'The fence is not the lease’s.',
    remedy: 'Send the `fence` of the lease that the path names.',
  },
  fence_required: {
    status: 428,
    title: 'Commands on the lease must say its fence.',
    remedy: 'Send the lease’s `fence` in `X-Lease-Fence`.',
  },
  sandbox_elsewhere: {
    status: 409,
    title: 'Another service process has the lease’s sandbox.',
    remedy: 'Send the call to the process whose data folder has the sandbox: the one on the machine that acquired it.',
  },
  execution_not_repeatable: {
    status: 409,
    title: 'The command was begun before.',
    remedy: 'See the lease’s events for how it ended; send another Idempotency-Key to run it again.',
  },
  unsupported_operation: {
    status: 422,
    title: 'The environment’s driver does not do that.',
    remedy: 'See `detail`.',
  },
  execution_failed: {
    status: 502,
    title: 'The command could not be run to its end.',
    remedy: 'See `reasonCode` and `detail`.',
  },
  workspace_realization_failed: {
    status: 502,
    title: 'The workspace could not be made.',
    remedy: 'See `reasonCode` and `detail`.',
  },
  workspace_sync_failed: {
    status: 502,
    title: 'The workspace could not be moved.',
    remedy: 'See `reasonCode` and `detail`. Moving it again begins anew.',
  },
  workspace_not_empty: {
    status: 409,
    title: 'There are files in the workspace that this lease has not put there.',
    remedy: 'Send `replace: true` to have them removed. While other leases use the folder that is refused.',
  },
  workspace_in_use: {
    status: 409,
    title: 'Other active leases use the folder.',
    remedy: 'Release them first, or use an environment with another `remoteWorkspacePath`.',
  },
  workspace_changed: {
    status: 409,
    title: 'What was sent to the workspace cannot be told any more.',
    remedy: 'Take all of it as an archive, or sync in again.',
  },
  sync_in_progress: {
    status: 409,
    title: 'The workspace is being moved already.',
    remedy: 'Wait until that is done.',
  },
  local_path_not_allowed: {
    status: 403,
    title: 'The path is not one that this service may use.',
    remedy: 'Use a folder under one of `LEASEHOLD_WORKSPACE_ROOTS`, or send and take an archive.',
  },
  repository_unusable: {
    status: 409,
    title: 'The repository in the `localPath` cannot be used.',
    remedy:
      'See `detail`. Run `git fsck` there; in a partial clone, `git fetch --refetch --no-filter` fetches what is missing. Or send an archive.',
  },
  invalid_archive: {
    status: 400,
    title: 'The archive is not one of a workspace.',
    remedy: 'Send a tar archive of files, folders and symlinks, all within it.',
  },
  storage_full: {
    status: 507,
    title: 'A disk of the service’s machine is full.',
    remedy: 'Make room where the data folder, or the `localPath`, is, and send it again.',
  },
  storage_unavailable: {
    status: 503,
    title: 'The service’s data folder cannot be written to.',
    remedy: 'See `detail`, and the folder that `LEASEHOLD_DATA_DIR` names.',
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
    title: 'The lease cannot be released in its present state.',
    remedy: 'See `detail`.',
  },
  secret_not_found: {
    status: 404,
    title: 'There is no such secret.',
    remedy: 'Check the id; a deleted secret and one of another company are not found either.',
  },
  secret_in_use: {
    status: 409,
    title: 'Something refers to the secret.',
    remedy: 'Give the configs in `environmentIds` another secret and release the leases in `leaseIds` first.',
  },
  webhook_not_found: {
    status: 404,
    title: 'There is no such webhook.',
    remedy: 'Check the id; a deleted webhook and one of another company are not found either.',
  },
  webhook_address_refused: {
    status: 422,
    title: 'The address is not one that webhooks may be sent to.',
    remedy: 'Use a public one; `LEASEHOLD_WEBHOOK_PRIVATE_ADDRESSES` allows others.',
  },
  version_conflict: {
    status: 409,
    title: 'It has changed since it was read.',
    remedy: 'Read it again, then repeat the change.',
  },
  idempotency_key_reused: {
    status: 409,
    title: 'The idempotency key was used for another command.',
    remedy: 'Use a new key for a new command.',
  },
  at_in_future: {
    status: 400,
    title: 'That moment has not been yet.',
    remedy: 'Use a position that the log has reached, or a time that has passed.',
  },
  at_before_log: {
    status: 400,
    title: 'That moment was before the log began.',
    remedy: 'Use a later one: the first position is 1.',
  },
  position_ahead_of_log: {
    status: 400,
    title: 'The log has not reached that position.',
    remedy: 'Use a position that this service has answered with.',
  },
  read_model_behind: {
    status: 503,
    title: 'The read model has not caught up yet.',
    remedy: 'Try again shortly. If it lasts, look at /api/projections.',
  },
  projection_not_found: {
    status: 404,
    title: 'There is no such projection.',
    remedy: 'See /api/projections for their names.',
  },
  projection_rebuilding: {
    status: 409,
    title: 'The projection is being rebuilt already.',
    remedy: 'Wait for it; /api/projections shows how far it is.',
  },
  subscription_not_found: {
    status: 404,
    title: 'There is no such subscription.',
    remedy: 'See /api/subscriptions for their names.',
  },
  stream_not_parked: {
    status: 404,
    title: 'The subscription has not parked that stream.',
    remedy: 'See the parked streams of the subscription.',
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
