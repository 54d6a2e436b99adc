import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How many provisioning failures in a row an environment has had that no repetition mends; no row: none. What failed before
 * this release does not count: the subscription begins at the head of the log.
 */
export class EnvironmentFailures1700000000420 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE environment_failures (
        environment_id uuid PRIMARY KEY,
        in_a_row integer NOT NULL CHECK (in_a_row > 0)
      );
      INSERT INTO subscriptions (name, checkpoint, checkpoint_event)
        SELECT 'environment-failures', position, id FROM events ORDER BY position DESC LIMIT 1`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE environment_failures;
      DELETE FROM subscriptions WHERE name = 'environment-failures'`);
  }
}
