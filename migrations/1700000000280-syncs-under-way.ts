import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A process also says which workspaces it is moving: a lease is in use meanwhile. */
export class SyncsUnderWay1700000000280 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE executions_under_way ADD COLUMN is_sync boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE executions_under_way DROP COLUMN is_sync');
  }
}
