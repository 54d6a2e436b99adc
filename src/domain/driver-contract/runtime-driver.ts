import type { Readable, Writable } from 'node:stream';
import type { EnvironmentDriver } from './driver-names.js';
import type { FieldError } from '../../errors/catalogue.js';

export type JsonObject = Record<string, unknown>;

export type ConfigVerdict =
  /** The config with every default filled in. */
  | { readonly kind: 'valid'; readonly config: JsonObject }
  /** Fields are paths within the config. */
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] };

export interface AcquireRequest {
  readonly companyId: string;
  readonly leaseId: string;
  /** Names what is made on the provider's side, so that making it twice can be told from making two. */
  readonly effectId: string;
  readonly environmentId: string;
  readonly heartbeatRunId: string | null;
  readonly config: JsonObject;
}

/** What a driver that acquires outside the command is told besides. */
export interface EffectRequest extends AcquireRequest {
  /** Log position of the lease's first event: whoever holds a lower one for the same thing is late. */
  readonly fence: number;
  /** When the lease ends at the latest, were it active now and renewed for ever (ISO 8601); null: it has no such limit. */
  readonly endsAt: string | null;
  /** Aborted when the budget is used up or nobody wants the outcome any more. */
  readonly signal: AbortSignal;
}

/** What a driver gives for a lease. */
export interface Acquisition {
  /** The provider's own name for what it gave; null where there is none. */
  readonly providerLeaseId: string | null;
  /** Shown in the lease's metadata. No secrets. */
  readonly metadata: JsonObject;
  /**
   * All that the driver needs to use it and to take it back, kept with the lease: by then the environment may have
   * another config, another driver, or be gone. No secrets: a reference to one at most.
   */
  readonly teardown: JsonObject;
  /** When the provider takes it away by itself (ISO 8601); absent or null: never. */
  readonly expiresAt?: string | null;
}

/** A lease as the driver that gave it knows it. */
export interface HeldLease {
  readonly companyId: string;
  readonly leaseId: string;
  readonly fence: number;
  readonly providerLeaseId: string | null;
  readonly teardown: JsonObject;
}

export interface ReleaseRequest extends HeldLease {
  readonly signal: AbortSignal;
}

/** A lease takes over what an ended one left: same thing on the provider's side, new holder. */
export interface ResumeRequest extends EffectRequest {
  /** The lease that left it; its fence is lower than the request's. */
  readonly from: HeldLease;
}

/** `nothing_to_clean` where the driver holds nothing for a lease. */
export type ReleaseOutcome = 'cleaned' | 'nothing_to_clean';

export interface ExecuteRequest {
  readonly lease: HeldLease;
  /** Program and arguments reach the process byte for byte: no shell reads them. */
  readonly command: string;
  readonly args: readonly string[];
  /** Absolute, or relative to the lease's workspace; null: the workspace. */
  readonly cwd: string | null;
  /** All that the process gets besides PATH, HOME and LANG: nothing of the service's own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Null: an empty input. */
  readonly stdin: Readable | null;
  /** Whether each byte of its output counts; a driver whose commands print texts must then see to it. */
  readonly bytes?: boolean;
  /** Written with back-pressure; not ended by the driver. */
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** The process and all its children are ended after this time. */
  readonly timeoutMs: number;
  /** Aborted: the process and all its children are ended. */
  readonly signal: AbortSignal;
}

export interface ExecutionResult {
  /** Null when a signal ended it and the driver knows that. */
  readonly exitCode: number | null;
  /** Such as `SIGKILL`. Beside an exit code from 129 on it is a guess: a shell says no more of a signal than such a code. */
  readonly signal: string | null;
  readonly timedOut: boolean;
}

export interface ProbeRequest {
  readonly companyId: string;
  /** `unsaved` for a config that is not stored. */
  readonly environmentId: string;
  readonly config: JsonObject;
  readonly signal: AbortSignal;
}

/** What a probe found. A failed probe is an answer too, with the reason in `details.reasonCode`. */
export interface ProbeResult {
  readonly ok: boolean;
  readonly driver: EnvironmentDriver;
  /** One sentence for a person. */
  readonly summary: string;
  /** `details.steps`: [{ step, ok, durationMs }]. No secrets. */
  readonly details: JsonObject | null;
}

/** What a workspace is created for. */
export interface WorkspaceWish {
  /** Where its source is on the caller's or the service's machine. */
  readonly localPath: string | null;
  readonly mode: string | null;
  readonly signal: AbortSignal;
}

/** How a caller reaches what it leased. No secrets. */
export type ExecutionTarget = JsonObject & { readonly kind: 'local' | 'remote' };

export interface DriverCapabilities {
  readonly supportsRunExecution: boolean;
  readonly supportsSavedProbe: boolean;
  readonly supportsUnsavedProbe: boolean;
  readonly supportsReusableLeases: boolean;
}

interface AnyDriver {
  readonly driver: EnvironmentDriver;
  /** Which provider backs it; null for a driver without providers. */
  readonly provider: string | null;
  readonly displayName: string;
  readonly description: string;
  /** The plugin that brings it; absent for those that the service brings. */
  readonly plugin?: { readonly key: string };
  /** Why it cannot be used on this machine, and what to do about it; absent or null where it can. */
  readonly unavailable?: string | null;
  readonly capabilities: DriverCapabilities;
  /**
   * Fields of the config that are secrets going in. A stored config has null in their place and, beside it, a SecretRef in
   * the field of the same name with `SecretRef` after it; only the config of an unsaved probe has the value itself.
   */
  readonly secretFields: readonly string[];
  /** The names that it sets in a lease's metadata, as far as it knows them beforehand. */
  readonly leaseMetadata?: readonly string[];
  /** @throws DriverError when it cannot be told at the moment */
  validateConfig(config: JsonObject, companyId: string): ConfigVerdict | Promise<ConfigVerdict>;
  /** Never fails for what it finds. */
  probe(request: ProbeRequest): Promise<ProbeResult>;
  /**
   * Runs a command in what the lease holds.
   * @throws DriverError unsupported_operation; stale_fence when the lease is not the holder any more; as acquire
   */
  execute(request: ExecuteRequest): Promise<ExecutionResult>;
  /**
   * Creates the workspace in the driver's own way, and returns its path; null: a command creates it, as with other drivers.
   * @throws DriverError
   */
  realizeWorkspace?(lease: HeldLease, wish: WorkspaceWish): Promise<string | null>;
  executionTarget(lease: HeldLease & { readonly environmentId: string }): ExecutionTarget;
  /** Ends what it keeps open, such as connections. */
  close?(): Promise<void>;
}

/**
 * A driver that acquires and releases within this process, quickly and without any effect outside it: only then may that
 * happen inside the command, before its events are recorded.
 */
export interface ImmediateDriver extends AnyDriver {
  readonly acquiring: 'immediate';
  /** @throws Error whose message says why, without any secret; the lease then fails with it. */
  acquire(request: AcquireRequest): Promise<Acquisition>;
  /** @throws Error likewise; the cleanup is then tried again later, and the lease is released anyway. */
  release(lease: HeldLease): Promise<ReleaseOutcome>;
  /** As a queued driver's. There is nothing to be ended before: what a lease held is left as it is. */
  resume?(request: AcquireRequest, from: HeldLease): Promise<Acquisition | null>;
}

/** What a driver has made on this machine, by its own name. */
export interface Holding {
  readonly name: string;
  /** Who holds it now. */
  readonly leaseId: string;
  /** The id of the log whose lease it is; null: made by a release that did not note it. */
  readonly log: string | null;
  /** Since when no lease of its log has it, by this machine's clock; null: one may have it. */
  readonly suspectSince: number | null;
}

/** All that a driver has made on this machine, whatever the log says of it. */
export interface Holdings {
  all(): Promise<readonly Holding[]>;
  /** Notes that no lease has it. */
  suspect(name: string): Promise<void>;
  /** Notes that a lease of the log has it. */
  confirm(name: string, log: string): Promise<void>;
  /** Takes it down. @returns false when it has another holder by now */
  remove(holding: Holding): Promise<boolean>;
}

/** A driver whose effects are asked for by an event and done by a worker: at least once, each made safe by its effect id. */
export interface QueuedDriver extends AnyDriver {
  readonly acquiring: 'queued';
  /** Makes it, or gives again what was made under this effect id. @throws DriverError */
  acquire(request: EffectRequest): Promise<Acquisition>;
  /** What exists under this effect id, or null. Asked before anything is made after a doubt. @throws DriverError */
  find(request: EffectRequest): Promise<Acquisition | null>;
  /**
   * Of a provider whose lists show a thing only some time after it was made: until then it does not count that `find` has
   * found nothing.
   */
  readonly settling?: {
    readonly ms: number;
    /** All that exists under this effect id. @throws DriverError */
    findAll(request: EffectRequest): Promise<readonly Acquisition[]>;
  };
  /** What is on this machine, so that it can be told from what is not the log's any more. */
  readonly holdings?: Holdings;
  /** Takes all of it down. Taking back what is gone already is no error. @throws DriverError */
  release(lease: ReleaseRequest): Promise<ReleaseOutcome>;
  /** Whether only other processes, on other machines perhaps, can get at what was acquired. */
  isElsewhere?(teardown: JsonObject): Promise<boolean>;
  /**
   * Ends what the lease runs and leaves the rest, its workspace above all, for another lease or for somebody to look at.
   * Only of drivers that support reusable leases. @throws DriverError
   */
  suspend?(lease: ReleaseRequest): Promise<void>;
  /**
   * Gives what an ended lease left to this one, under its effect id and fence; a late call of an earlier holder is then
   * refused as `stale_fence`. Null when it cannot be used any more; nothing has
   * been changed then. Only of drivers that support reusable leases.
   * @throws DriverError when it is not known whether it can be used
   */
  resume?(request: ResumeRequest): Promise<Acquisition | null>;
}

/** One way to run work somewhere. Every driver passes the contract suite in test/runtime/drivers. */
export type RuntimeDriver = ImmediateDriver | QueuedDriver;
