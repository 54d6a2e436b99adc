import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Which event a checkpoint stands at. Where the log has another one there, or none, it has another history than the one
 * that the subscription has handled: it, or what it was handled into, was restored from a backup.
 */
export class CheckpointEvents1700000000260 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE subscriptions ADD COLUMN checkpoint_event uuid`);
    await runner.query(
      advanceSubscription(`checkpoint = to_position,
           checkpoint_event = (SELECT id FROM events WHERE position = to_position)`),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(advanceSubscription('checkpoint = to_position'));
    await runner.query(`ALTER TABLE subscriptions DROP COLUMN checkpoint_event`);
  }
}

function advanceSubscription(set: string): string {
  return `
  CREATE OR REPLACE FUNCTION advance_subscription(
    the_name text, from_position bigint, to_position bigint, the_fence bigint
  ) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE subscriptions SET ${set}
     WHERE name = the_name AND checkpoint = from_position AND fence = the_fence;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'subscription % is not at % under fence % any more', the_name, from_position, the_fence
        USING ERRCODE = 'LH001';
    END IF;
  END $$`;
}
