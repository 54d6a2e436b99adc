import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A receiver may ask to be left alone for a while. */
export class WebhooksHeld1700000000340 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE webhooks ADD COLUMN held_until timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE webhooks DROP COLUMN held_until');
  }
}
