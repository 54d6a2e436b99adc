import pg from 'pg';
import type { Connection } from './own-postgres.js';

const EVENTS = 1_000_000;
/** Of each lease: asked for, active, its end asked for, released. */
const EVENTS_OF_ONE = 4;
const ALL_LEASES = EVENTS / EVENTS_OF_ONE;

export const COMPANY = '01a20d00-0000-7000-8000-00000000c001';
/** Leases of the one company that is asked about; the others' are spread over a thousand. */
export const LEASES = 10_000;

export interface MadeHistory {
  readonly head: number;
  /** Of the company. */
  readonly leaseIds: readonly string[];
  /** A position at which all leases of the company were active. */
  readonly middle: number;
}

export const TERMS = {
  ...{ environmentVersion: 1, driver: 'local', provider: null, heartbeatRunId: null, issueId: null, agentId: null },
  ...{ adapterType: null, executionWorkspaceId: null, executionWorkspaceMode: null, leasePolicy: 'ephemeral' },
  ...{ environmentId: '01a20d00-0000-7000-8000-00000000e001', priority: 0 },
  ...{ ttlSeconds: 3_600, idleTtlSeconds: null, maxTtlSeconds: null, metadata: { purpose: 'bench' } },
};
export const GRANT = {
  ...{ effectId: '01a20d00-0000-7000-8000-00000000f001', providerLeaseId: null, metadata: {}, teardown: {} },
};
const END = { outcome: 'released', reasonCode: 'released_by_caller', failureReason: null, deadline: null };

/**
 * A million events, as the service would have recorded them: first all leases begin, then all end. They are written
 * by SQL, past the service, which would take minutes.
 */
export async function makeHistory(connection: Connection): Promise<MadeHistory> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    await client.query(
      `INSERT INTO streams (stream, version, category, company_id, open)
       SELECT 'lease-' || ${idOf('a', 'n')}, ${EVENTS_OF_ONE}, 'lease', ${companyOf('n')}, false
         FROM generate_series(0, ${ALL_LEASES - 1}) n`,
    );
    await client.query(
      `INSERT INTO events (position, stream, version, id, type, schema_version, company_id, actor, correlation_id,
                           causation_id, recorded_at, data)
       SELECT half * ${2 * ALL_LEASES} + n * 2 + k + 1, 'lease-' || ${idOf('a', 'n')}, half * 2 + k + 1,
              gen_random_uuid(), (ARRAY['LeaseRequested','LeaseActivated','LeaseReleaseRequested','LeaseReleased'])[half * 2 + k + 1],
              1, ${companyOf('n')}, 'operator:bench', gen_random_uuid(), NULL,
              '2026-01-01T00:00:00Z'::timestamptz + (half * ${2 * ALL_LEASES} + n * 2 + k) * interval '1 millisecond',
              (ARRAY[$1::jsonb, $2::jsonb, $3::jsonb, '{}'::jsonb])[half * 2 + k + 1]
         FROM generate_series(0, 1) half, generate_series(0, ${ALL_LEASES - 1}) n, generate_series(0, 1) k
        ORDER BY 1`,
      [TERMS, GRANT, END].map((data) => JSON.stringify(data)),
    );
    await client.query('ANALYZE events; ANALYZE streams');
    const { rows } = await client.query<{ id: string }>(
      `SELECT ${idOf('a', 'n')} AS id FROM generate_series(0, ${LEASES - 1}) n`,
    );
    return { head: EVENTS, leaseIds: rows.map(({ id }) => id), middle: EVENTS / 2 };
  } finally {
    await client.end();
  }
}

function idOf(kind: string, number: string): string {
  return `('01a20d00-0000-7000-8000-${kind}' || lpad(to_hex(${number}), 11, '0'))`;
}

function companyOf(number: string): string {
  return `(CASE WHEN ${number} < ${LEASES} THEN '${COMPANY}' ELSE ${idOf('c', `${number} % 1000`)} END)::uuid`;
}
