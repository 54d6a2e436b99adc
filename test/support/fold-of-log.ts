import { isDeepStrictEqual } from 'node:util';
import { expect } from '@jest/globals';
import { DataSource } from 'typeorm';
import { TABLES } from '../../src/app/tables.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { environmentProjection } from '../../src/domain/environments/environment-projection.js';
import { EVENT_DEFINITIONS } from '../../src/app/event-definitions.js';
import { EventCatalogue, type RecordedEvent } from '../../src/event-sourcing/event-log/index.js';
import { leaseProjection } from '../../src/domain/leases/lease-projection.js';
import { foldAll, type Projection } from '../../src/event-sourcing/projections/index.js';
import { secretProjection } from '../../src/domain/secrets/secret-projection.js';
import type { Connection } from './database.js';
import { openLog, type OpenLog, allAfter } from './event-log.js';

const CATALOGUE = new EventCatalogue(EVENT_DEFINITIONS);

const ATTEMPTS = 100;

/** The service's database, seen from outside the service: its log, and the tables that queries read. */
export class Witness {
  private constructor(
    private readonly open: OpenLog,
    private readonly source: DataSource,
  ) {}

  static async of(connection: Connection): Promise<Witness> {
    return new Witness(
      openLog(connection, {}, CATALOGUE),
      await new DataSource(dataSourceOptions(connection, 4, TABLES)).initialize(),
    );
  }

  head(): Promise<number> {
    return this.open.log.read.head();
  }

  events(after = 0): Promise<RecordedEvent[]> {
    return allAfter(this.open.log, after);
  }

  query<Row>(sql: string): Promise<Row[]> {
    return this.source.query(sql);
  }

  /** The tables come to hold exactly what the log folds to. Ask only when nothing is written any more. */
  async expectTablesToBeTheFold(events: readonly RecordedEvent[]): Promise<void> {
    await this.expectTableToBeTheFold(leaseProjection, events);
    await this.expectTableToBeTheFold(environmentProjection, events);
    await this.expectTableToBeTheFold(secretProjection, events);
  }

  async close(): Promise<void> {
    await this.source.destroy();
    await this.open.close();
  }

  private async expectTableToBeTheFold<Row extends { id: string }>(
    projection: Projection<Row>,
    events: readonly RecordedEvent[],
  ): Promise<void> {
    const wanted = foldAll(projection, events);
    for (let attempt = 1; ; attempt += 1) {
      const rows = await this.source.getRepository<Row>(projection.entity).find();
      const table = new Map(rows.map((row) => [row.id, { ...row }]));
      // A read model that nobody has asked may be a moment behind.
      if (attempt === ATTEMPTS || isDeepStrictEqual(table, wanted)) {
        expect(table).toEqual(wanted);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** What holds of every log, whatever happened to those who wrote it. */
export function expectSoundLog(events: readonly RecordedEvent[]): void {
  expect(events.map((event) => event.position)).toEqual(events.map((_event, index) => index + 1));
  expect(new Set(events.map((event) => event.id)).size).toBe(events.length);
  const versions = new Map<string, number>();
  for (const { stream, version, position } of events) {
    const expected = (versions.get(stream) ?? 0) + 1;
    if (version !== expected)
      throw new Error(`${stream} has version ${version} at ${position} instead of ${expected}.`);
    versions.set(stream, version);
  }
}
