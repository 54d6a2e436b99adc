export const ENVIRONMENT_STATUSES = ['active', 'archived'] as const;
export type EnvironmentStatus = (typeof ENVIRONMENT_STATUSES)[number];

/** Why an environment takes no new leases. */
export const CORDONED_BY = ['operator'] as const;
export type CordonedBy = (typeof CORDONED_BY)[number];
