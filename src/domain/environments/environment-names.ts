export const ENVIRONMENT_STATUSES = ['active', 'archived'] as const;
export type EnvironmentStatus = (typeof ENVIRONMENT_STATUSES)[number];

/** Why an environment takes no new leases. */
export const CORDONED_BY = ['operator', 'drain', 'quarantine'] as const;
export type CordonedBy = (typeof CORDONED_BY)[number];

/** What becomes of the leases that are still there at the deadline of a drain. */
export const ON_DEADLINE = ['wait', 'release'] as const;
export type OnDeadline = (typeof ON_DEADLINE)[number];
