import type { MigrationInterface, QueryRunner } from 'typeorm';
import { rewriteAppendEvents } from './rewrite-append-events.js';

const UPDATE = 'UPDATE streams s SET version = w.expected + w.events, open = w.open';
const FROM =
  'FROM unnest(w_append, w_stream, w_expected, w_events, w_open) AS w(append, stream, expected, events, open)';
const UPDATE_WITH_KEY = `${UPDATE}, correlation_key = w.correlation_key`;
const FROM_WITH_KEY =
  'FROM unnest(w_append, w_stream, w_expected, w_events, w_open, w_correlation_key) AS w(append, stream, expected, events, open, correlation_key)';

/** An append may give a stream another correlation key: a lease is found by its run, later by what it keeps. */
export class CorrelationKeyMoves1700000000005 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await rewriteAppendEvents(runner, [UPDATE, UPDATE_WITH_KEY], [FROM, FROM_WITH_KEY]);
  }

  async down(runner: QueryRunner): Promise<void> {
    await rewriteAppendEvents(runner, [UPDATE_WITH_KEY, UPDATE], [FROM_WITH_KEY, FROM]);
  }
}
