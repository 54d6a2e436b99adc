import type { EnvironmentDriver } from '../environments/driver-names.js';
import type { FieldError } from '../errors/catalogue.js';

export type JsonObject = Record<string, unknown>;

export type ConfigVerdict =
  /** The config with every default filled in. */
  | { readonly kind: 'valid'; readonly config: JsonObject }
  /** Fields are paths within the config. */
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] };

export interface AcquireRequest {
  readonly leaseId: string;
  /** Names what is made on the provider's side, so that making it twice can be told from making two. */
  readonly effectId: string;
  readonly environmentId: string;
  readonly heartbeatRunId: string | null;
  readonly config: JsonObject;
}

/** What a driver gives for a lease. */
export interface Acquisition {
  /** The provider's own name for what it gave; null where there is none. */
  readonly providerLeaseId: string | null;
  /** Shown in the lease's metadata. No secrets. */
  readonly metadata: JsonObject;
  /**
   * All that the driver needs to take it back, kept with the lease: by then the environment may have another config,
   * another driver, or be gone. No secrets.
   */
  readonly teardown: JsonObject;
}

export interface ReleaseRequest {
  readonly leaseId: string;
  readonly providerLeaseId: string | null;
  readonly teardown: JsonObject;
}

/** `nothing_to_clean` where the driver holds nothing for a lease. */
export type ReleaseOutcome = 'cleaned' | 'nothing_to_clean';

/**
 * One way to run work somewhere. Every driver passes the contract suite in test/drivers.
 *
 * `acquiring: 'immediate'` promises that acquire and release are done within this process, quickly and without any effect
 * outside it: only then may they run inside the command, before its events are recorded.
 */
export interface RuntimeDriver {
  readonly driver: EnvironmentDriver;
  /** Which provider backs it; null for a driver without providers. */
  readonly provider: string | null;
  readonly acquiring: 'immediate';
  validateConfig(config: JsonObject): ConfigVerdict;
  /** @throws Error whose message says why, without any secret; the lease then fails with it. */
  acquire(request: AcquireRequest): Promise<Acquisition>;
  /** @throws Error likewise; the cleanup is then marked as failed and the lease is released all the same. */
  release(request: ReleaseRequest): Promise<ReleaseOutcome>;
}
