import type { Pool } from 'pg';

/** A generation that is being filled beside the live one. */
export interface RebuildStatus {
  readonly generation: number;
  readonly version: number;
  readonly subscription: string;
  readonly checkpoint: number;
  /** Of the log, from 0 to 1. */
  readonly progress: number;
  /** Parked streams: while there is one that the live generation shows, it does not switch. */
  readonly parked: number;
  /** ISO 8601. */
  readonly startedAt: string;
}

export interface ProjectionStatus {
  readonly name: string;
  /** Of the code that runs here. */
  readonly codeVersion: number;
  /** Of the live generation. */
  readonly version: number;
  readonly generation: number;
  /** What feeds the live generation; ask the subscription runner for its parked streams. */
  readonly subscription: string;
  readonly checkpoint: number;
  readonly head: number;
  readonly lag: number;
  /** `still`: the live generation has a version that this code cannot feed. */
  readonly state: 'live' | 'rebuilding' | 'still';
  readonly parked: number;
  readonly rebuild: RebuildStatus | null;
  /** Generations that were live once and whose tables are still there. */
  readonly old: readonly number[];
}

interface GenerationRow {
  readonly name: string;
  readonly generation: number;
  readonly version: number;
  readonly state: 'building' | 'live' | 'old';
  readonly subscription: string;
  readonly createdAt: string;
  readonly checkpoint: number;
  readonly parked: number;
  readonly head: number;
}

/**
 * @param codeVersions the versions that the code here has, by projection
 * @param filling how much is done, from 0 to 1, of what is filled without a checkpoint that says so, by subscription
 */
export async function readProjectionStatus(
  pool: Pool,
  codeVersions: ReadonlyMap<string, number>,
  filling: ReadonlyMap<string, number>,
): Promise<ProjectionStatus[]> {
  const { rows } = await pool.query<GenerationRow>(
    `SELECT p.name, p.generation, p.version, p.state, p.subscription, p.created_at AS "createdAt",
            coalesce(s.checkpoint, 0) AS checkpoint, coalesce((SELECT max(position) FROM events), 0) AS head,
            (SELECT count(*) FROM parked_streams k WHERE k.subscription = p.subscription) AS parked
       FROM projections p LEFT JOIN subscriptions s ON s.name = p.subscription
      WHERE p.name = ANY ($1::text[]) AND p.state <> 'dropped' ORDER BY p.name, p.generation`,
    [[...codeVersions.keys()]],
  );
  return rows
    .filter((row) => row.state === 'live')
    .map((live) => {
      const codeVersion = codeVersions.get(live.name) ?? 0;
      const siblings = rows.filter((row) => row.name === live.name);
      const building = siblings.find((row) => row.state === 'building');
      const { name, version, generation, subscription, checkpoint, head, parked } = live;
      return {
        name,
        codeVersion,
        version,
        generation,
        subscription,
        checkpoint,
        head,
        lag: Math.max(0, head - checkpoint),
        state: building ? 'rebuilding' : version === codeVersion ? 'live' : 'still',
        parked,
        rebuild: building ? rebuildStatus(building, filling.get(building.subscription) ?? 0) : null,
        old: siblings.filter((row) => row.state === 'old').map((row) => row.generation),
      };
    });
}

function rebuildStatus(
  { generation, version, subscription, checkpoint, head, parked, createdAt }: GenerationRow,
  filled: number,
): RebuildStatus {
  const progress = head === 0 ? 1 : Math.min(1, Math.max(filled, checkpoint / head));
  return { generation, version, subscription, checkpoint, progress, parked, startedAt: createdAt };
}
