import type { Pool, PoolClient } from 'pg';
import type { DataSource, EntityMetadata } from 'typeorm';
import type { SubscriptionLog } from '../subscriptions/index.js';
import { createGenerationTable } from './generation-table.js';
import {
  changingGenerations,
  closeSubscription,
  insertGeneration,
  setState,
  showTable,
  type Generation,
} from './generations.js';
import type { Projection } from './projection.js';

/**
 * At the start of a process: the first generation is made if there is none, and a new one is begun if this code has a
 * newer version than the live one. A build of a version that is older still is given up. Newer versions are left alone,
 * so that an old release that restarts in the middle of a deployment does not undo it.
 */
export function bringUpToDate(
  pool: Pool,
  source: DataSource,
  metadata: EntityMetadata,
  { name, version }: Projection<object>,
  log: SubscriptionLog,
): Promise<void> {
  return changingGenerations(pool, name, async (client, generations) => {
    const live = generations.find(({ state }) => state === 'live');
    if (!live) {
      const { table } = await create(client, source, metadata, generations, { name, version, state: 'live' });
      await showTable(client, metadata.tableName, table);
      return;
    }
    if (live.version === version) return;
    const fields = { projection: name, live: live.version, code: version };
    if (live.version > version) {
      log('info', 'a read model belongs to a newer release and is not updated here', fields);
      return;
    }
    const building = generations.find(({ state }) => state === 'building');
    if (building && building.version >= version) return;
    if (building) await abandon(client, building);
    await create(client, source, metadata, generations, { name, version, state: 'building' });
    log('info', 'a read model is rebuilt for this release', fields);
  });
}

/** @returns the number of the new generation, or null when one is being built already. */
export function addGeneration(
  pool: Pool,
  source: DataSource,
  metadata: EntityMetadata,
  { name, version }: Projection<object>,
): Promise<number | null> {
  return changingGenerations(pool, name, async (client, generations) => {
    if (generations.some(({ state }) => state === 'building')) return null;
    const made = await create(client, source, metadata, generations, { name, version, state: 'building' });
    return made.generation;
  });
}

export function abandonBuild(pool: Pool, name: string): Promise<boolean> {
  return changingGenerations(pool, name, async (client, generations) => {
    const building = generations.find(({ state }) => state === 'building');
    if (building) await abandon(client, building);
    return building !== undefined;
  });
}

/** @returns the numbers of the generations whose tables are gone. */
export function dropOldTables(pool: Pool, name: string): Promise<number[]> {
  return changingGenerations(pool, name, async (client, generations) => {
    const old = generations.filter(({ state }) => state === 'old');
    for (const generation of old) {
      await client.query(`DROP TABLE ${client.escapeIdentifier(generation.table)}`);
      await client.query('DELETE FROM subscriptions WHERE name = $1', [generation.subscription]);
      await setState(client, generation, 'dropped');
    }
    return old.map(({ generation }) => generation);
  });
}

async function create(
  client: PoolClient,
  source: DataSource,
  metadata: EntityMetadata,
  generations: readonly Generation[],
  wanted: Pick<Generation, 'name' | 'version' | 'state'>,
): Promise<Omit<Generation, 'createdAt'>> {
  const generation = Math.max(0, ...generations.map((known) => known.generation)) + 1;
  const table = await createGenerationTable(client, source, metadata, generation);
  const made = { ...wanted, generation, table, subscription: `${wanted.name}@${generation}` };
  await insertGeneration(client, made);
  return made;
}

async function abandon(client: PoolClient, building: Generation): Promise<void> {
  await closeSubscription(client, building.subscription);
  await setState(client, building, 'old');
}
