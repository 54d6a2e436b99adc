import { EnvironmentRow } from '../domain/environments/environment-row.js';
import { LeaseRow } from '../domain/leases/lease-row.js';
import { SecretRow } from '../domain/secrets/secret-row.js';

/** Every table that a read model has. */
export const TABLES = [EnvironmentRow, LeaseRow, SecretRow];
