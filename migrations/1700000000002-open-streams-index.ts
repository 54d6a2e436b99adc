import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Only open streams are looked for by their correlation key: a closed one need not be kept in the index. */
export class OpenStreamsIndex1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX streams_correlation;
      CREATE INDEX streams_open_correlation ON streams (company_id, correlation_key)
        WHERE open AND correlation_key IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX streams_open_correlation;
      CREATE INDEX streams_correlation ON streams (company_id, correlation_key, open) WHERE correlation_key IS NOT NULL;
    `);
  }
}
