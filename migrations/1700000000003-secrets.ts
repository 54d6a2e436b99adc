import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The sealed values of secrets. What else there is to know of a secret is in the log. */
export class Secrets1700000000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE secret_versions (
        secret_id uuid NOT NULL,
        version integer NOT NULL,
        company_id uuid NOT NULL,
        -- Which master key has sealed it.
        key_id text COLLATE "C" NOT NULL,
        nonce bytea NOT NULL,
        ciphertext bytea NOT NULL,
        PRIMARY KEY (secret_id, version)
      );
      CREATE INDEX secret_versions_key ON secret_versions (key_id);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE secret_versions');
  }
}
