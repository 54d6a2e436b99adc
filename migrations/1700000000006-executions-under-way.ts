import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which commands a process says that it is running: when it says so no more, others record that they are lost. */
export class ExecutionsUnderWay1700000000006 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE executions_under_way (
        execution_id uuid PRIMARY KEY,
        lease_id uuid NOT NULL,
        -- Grows as long as the process lives. Whoever looks compares it with what he has seen before, by his own clock.
        beat integer NOT NULL DEFAULT 0
      ) WITH (fillfactor = 50)
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE executions_under_way');
  }
}
