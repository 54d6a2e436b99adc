/** The kinds of environment; the names are the seed's. */
export const ENVIRONMENT_DRIVERS = ['local', 'ssh', 'sandbox', 'plugin'] as const;
export type EnvironmentDriver = (typeof ENVIRONMENT_DRIVERS)[number];

export const ENVIRONMENT_STATUSES = ['active', 'archived'] as const;
export type EnvironmentStatus = (typeof ENVIRONMENT_STATUSES)[number];
