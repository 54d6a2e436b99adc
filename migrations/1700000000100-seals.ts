import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The seals of the log. A row is never changed; its number is what keeps two sealers from sealing the same twice. */
export class Seals1700000000100 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE seals (
        number bigint PRIMARY KEY,
        from_position bigint NOT NULL,
        to_position bigint NOT NULL,
        tree_root bytea NOT NULL,
        previous_seal_hash bytea NOT NULL,
        sealed_at timestamptz(3) NOT NULL,
        key_id text COLLATE "C" NOT NULL,
        signature bytea NOT NULL,
        -- The leaf hashes of the events, one after another. They lead to the signed root, and so need no signature; with
        -- them it can be said which event is not as it was.
        leaves bytea NOT NULL
      );
      ALTER TABLE seals ALTER COLUMN leaves SET STORAGE EXTERNAL;
      CREATE INDEX seals_to_position ON seals (to_position);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE seals');
  }
}
