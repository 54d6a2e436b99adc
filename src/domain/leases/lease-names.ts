import { DRIVER_REASONS } from '../driver-contract/driver-names.js';

/** A lease's life, in its order; the last four are its ends. */
export const LEASE_STATUSES = [
  'requested',
  'queued',
  'provisioning',
  'active',
  'releasing',
  'released',
  'expired',
  'failed',
  'retained',
] as const;
export type LeaseStatus = (typeof LEASE_STATUSES)[number];

export const LEASE_POLICIES = [
  'ephemeral',
  'reuse_by_environment',
  'reuse_by_execution_workspace',
  'retain_on_failure',
] as const;
export type LeasePolicy = (typeof LEASE_POLICIES)[number];

/** How the caller says a lease ends. */
export const RELEASE_OUTCOMES = ['released', 'expired', 'failed'] as const;
export type ReleaseOutcomeName = (typeof RELEASE_OUTCOMES)[number];

/** Why the sandbox of an ended lease is not reused, and why a kept one is discarded. */
export const REJECTION_REASONS = ['fingerprint_changed', 'resume_check_failed'] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

export const DISCARD_REASONS = [
  ...REJECTION_REASONS,
  'keeping_time_elapsed',
  'too_many_kept',
  'environment_gone',
  'environment_drained',
  'destroyed_by_caller',
] as const;
export type DiscardReason = (typeof DISCARD_REASONS)[number];

export const CLEANUP_STATUSES = ['pending', 'running', 'success', 'failed', 'irrevocable'] as const;
export type CleanupStatus = (typeof CLEANUP_STATUSES)[number];

export const WORKSPACE_MODES = [
  'inherit',
  'shared_workspace',
  'isolated_workspace',
  'operator_branch',
  'reuse_existing',
  'agent_default',
] as const;
export type WorkspaceMode = (typeof WORKSPACE_MODES)[number];

export const ADAPTER_TYPES = [
  'process',
  'http',
  'claude_local',
  'codex_local',
  'gemini_local',
  'opencode_local',
  'pi_local',
  'cursor',
  'openclaw_gateway',
] as const;
export type AdapterType = (typeof ADAPTER_TYPES)[number];

/** Adapters that only run on the caller's own machine; the others may also run on `ssh` and `sandbox`. */
export const LOCAL_ONLY_ADAPTERS: readonly AdapterType[] = ['process', 'http', 'openclaw_gateway'];

/** The limits by which a lease ends by itself. */
export const DEADLINE_REASONS = ['ttl_elapsed', 'idle_ttl_elapsed', 'max_ttl_elapsed', 'provider_ttl_elapsed'] as const;
export type DeadlineReason = (typeof DEADLINE_REASONS)[number];

/** Why a lease or a command has ended, or is about to. Every ending has one. */
export const REASON_CODES = [
  'released_by_caller',
  'caller_gone',
  'expired_by_caller',
  'adapter_or_run_failure',
  'acquire_failed',
  ...DEADLINE_REASONS,
  'provisioning_timeout',
  'drained',
  'process_lost',
  'attempts_lost',
  'service_stopping',
  'caller_gone',
  ...DRIVER_REASONS,
] as const;
export type ReasonCode = (typeof REASON_CODES)[number];
