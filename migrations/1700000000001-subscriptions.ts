import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Checkpoints and their owners, the streams they could not handle, and the generations of the read models. */
export class Subscriptions1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE subscriptions (
        name text COLLATE "C" PRIMARY KEY,
        checkpoint bigint NOT NULL DEFAULT 0,
        -- Raised by every claim. A transaction of an earlier owner, however late, finds another fence and is rolled back.
        fence bigint NOT NULL DEFAULT 0,
        owner text,
        -- The owner's database session: when it is gone, so is the owner, and nobody has to wait for the expiry.
        owner_pid integer,
        owner_session_start timestamptz,
        expires_at timestamptz,
        -- A closed subscription never moves again.
        closed boolean NOT NULL DEFAULT false
      ) WITH (fillfactor = 50);

      CREATE TABLE parked_streams (
        subscription text COLLATE "C" NOT NULL REFERENCES subscriptions ON DELETE CASCADE,
        stream text COLLATE "C" NOT NULL,
        position bigint NOT NULL,
        attempts integer NOT NULL,
        error text NOT NULL,
        parked_at timestamptz NOT NULL DEFAULT now(),
        retry_requested boolean NOT NULL DEFAULT false,
        PRIMARY KEY (subscription, stream)
      );

      CREATE TABLE projections (
        name text COLLATE "C" NOT NULL,
        generation integer NOT NULL,
        version integer NOT NULL,
        state text NOT NULL CHECK (state IN ('building', 'live', 'old', 'dropped')),
        table_name text NOT NULL,
        subscription text COLLATE "C" NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        switched_at timestamptz,
        PRIMARY KEY (name, generation)
      );
      CREATE UNIQUE INDEX projections_live ON projections (name) WHERE state = 'live';
      CREATE UNIQUE INDEX projections_building ON projections (name) WHERE state = 'building';
    `);
    await runner.query(ADVANCE_SUBSCRIPTION);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP FUNCTION advance_subscription;
      DROP TABLE projections, parked_streams, subscriptions;
    `);
  }
}

/**
 * Moves a checkpoint by compare-and-set, or raises LH001: another process owns the subscription. It raises, rather than
 * saying so, in order that it can be sent together with COMMIT: the row is then never locked across a round trip, and a
 * process that stops for a while cannot keep others from taking over.
 */
const ADVANCE_SUBSCRIPTION = `
  CREATE FUNCTION advance_subscription(the_name text, from_position bigint, to_position bigint, the_fence bigint)
  RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE subscriptions SET checkpoint = to_position
     WHERE name = the_name AND checkpoint = from_position AND fence = the_fence;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'subscription % is not at % under fence % any more', the_name, from_position, the_fence
        USING ERRCODE = 'LH001';
    END IF;
  END $$`;
