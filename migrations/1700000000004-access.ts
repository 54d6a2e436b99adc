import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Bearer tokens. Rows are never deleted: that there was one ends the implied operator for good. */
export class Access1700000000004 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE access_tokens (
        id uuid PRIMARY KEY,
        -- SHA-256 of the secret, which is random.
        hash bytea NOT NULL,
        name text NOT NULL,
        -- Null: every company.
        companies uuid[],
        permissions text[] NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        last_used_at timestamptz,
        revoked_at timestamptz
      )
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE access_tokens');
  }
}
