/** What a token may allow; `admin` allows everything. */
export const PERMISSIONS = ['environments:manage', 'leases:acquire', 'leases:operate', 'audit:read', 'admin'] as const;
export type Permission = (typeof PERMISSIONS)[number];
