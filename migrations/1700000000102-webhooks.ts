import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Webhooks as they are delivered to, and what is to be delivered. */
export class Webhooks1700000000102 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE webhooks (
        id uuid PRIMARY KEY,
        company_id uuid NOT NULL,
        -- The fold of its stream.
        webhook jsonb NOT NULL,
        active boolean NOT NULL,
        -- It gets what the subscription gets, as it comes. Else it is filled from the log, from its cursor on.
        live boolean NOT NULL,
        cursor bigint NOT NULL,
        -- Its rows in webhook_deliveries.
        pending integer NOT NULL DEFAULT 0,
        -- How often in a row one event has failed; nothing has been delivered since.
        failures integer NOT NULL DEFAULT 0,
        last_success_at timestamptz,
        last_failure_at timestamptz,
        last_failure text
      ) WITH (fillfactor = 70);
      CREATE INDEX webhooks_company ON webhooks (company_id, id);
      CREATE INDEX webhooks_behind ON webhooks (id) WHERE active AND NOT live;

      CREATE TABLE webhook_deliveries (
        webhook_id uuid NOT NULL,
        position bigint NOT NULL,
        stream text COLLATE "C" NOT NULL,
        -- Set for one row of a stream at the most, the one whose turn it is; the others wait for it.
        due_at timestamptz,
        attempts integer NOT NULL DEFAULT 0,
        -- The worker that sends it. It holds an advisory lock under this number as long as it lives.
        claimed_by integer,
        -- Asked for once more while it was being sent.
        again boolean NOT NULL DEFAULT false,
        last_status smallint,
        last_failure text,
        PRIMARY KEY (webhook_id, position)
      );
      CREATE INDEX webhook_deliveries_stream ON webhook_deliveries (webhook_id, stream, position);
      CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at) WHERE due_at IS NOT NULL;
      CREATE INDEX webhook_deliveries_claimed ON webhook_deliveries (claimed_by) WHERE claimed_by IS NOT NULL;

      -- What is in the log already is about no webhook.
      INSERT INTO subscriptions (name, checkpoint) SELECT 'webhooks', coalesce(max(position), 0) FROM events;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE webhook_deliveries, webhooks;
      DELETE FROM subscriptions WHERE name = 'webhooks';
    `);
  }
}
