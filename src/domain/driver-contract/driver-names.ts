/** The kinds of environment. */
export const ENVIRONMENT_DRIVERS = ['local', 'ssh', 'sandbox', 'plugin'] as const;
export type EnvironmentDriver = (typeof ENVIRONMENT_DRIVERS)[number];

/** What kind of failure a driver met: it decides whether and how soon the same is tried again. */
export const FAILURE_CLASSES = ['capacity', 'auth', 'config', 'transient', 'permanent'] as const;
export type FailureClass = (typeof FAILURE_CLASSES)[number];

/** Why a driver failed, in words that callers may rely on. Added to, never changed: events carry them. */
export const DRIVER_REASONS = [
  'address_refused',
  'host_unreachable',
  'host_not_answering',
  'host_key_mismatch',
  'authentication_failed',
  'connection_lost',
  'session_refused',
  'workspace_not_writable',
  'disk_full',
  'tool_missing',
  'isolation_unavailable',
  'network_refused',
  'sandbox_elsewhere',
  'limit_exceeded',
  'runtime_api_unreachable',
  'secret_unavailable',
  'stale_fence',
  'host_taken',
  'budget_exceeded',
  'unsupported_operation',
  'driver_failed',
] as const;
export type DriverReason = (typeof DRIVER_REASONS)[number];
