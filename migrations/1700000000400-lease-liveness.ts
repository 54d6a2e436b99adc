import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The renewals of a lease since the last one that is an event: a row each, written over, so that heartbeats do not grow the
 * log. It is removed when the lease has ended.
 */
export class LeaseLiveness1700000000400 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Most updates of a row find room on its own page, and change no index.
    await runner.query(
      `CREATE TABLE lease_liveness (
         lease_id uuid PRIMARY KEY, renewed_until timestamptz, last_used_at timestamptz NOT NULL, renewed_by text NOT NULL
       ) WITH (fillfactor = 50)`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE lease_liveness');
  }
}
