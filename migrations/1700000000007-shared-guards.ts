import type { MigrationInterface, QueryRunner } from 'typeorm';
import { rewriteAppendEvents } from './rewrite-append-events.js';

const BEFORE = 'IF keys > 0 THEN\n      SELECT coalesce(array_agg(k.append)';
const CHECK = `IF -1 = ANY (conflicting) THEN
      RAISE EXCEPTION 'a guard that several appends share has failed' USING ERRCODE = 'serialization_failure';
    END IF;

    `;

/** A guard that several appends of a batch have is checked once; its append is -1. */
export class SharedGuards1700000000007 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await rewriteAppendEvents(runner, [BEFORE, CHECK + BEFORE]);
  }

  async down(runner: QueryRunner): Promise<void> {
    await rewriteAppendEvents(runner, [CHECK + BEFORE, BEFORE]);
  }
}
