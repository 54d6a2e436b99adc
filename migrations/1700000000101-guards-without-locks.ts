import type { MigrationInterface, QueryRunner } from 'typeorm';
import { rewriteAppendEvents } from './rewrite-append-events.js';

const LOCK_ALL = `LEFT JOIN LATERAL (SELECT s.version FROM streams s WHERE s.stream = w.stream FOR NO KEY UPDATE) l ON true;`;
const LOCK_WRITTEN = `LEFT JOIN LATERAL (
        SELECT s.version FROM streams s WHERE s.stream = w.stream AND w.events > 0 FOR NO KEY UPDATE) o ON true
      LEFT JOIN LATERAL (SELECT s.version FROM streams s WHERE s.stream = w.stream AND w.events = 0) g ON true
      CROSS JOIN LATERAL (SELECT coalesce(o.version, g.version) AS version) l;`;

const COUNT_ABSENT = `count(*) FILTER (WHERE w.expected = 0 AND w.events = 0)
      INTO conflicting, conflicts, new_streams, known_streams, absent_streams`;
const COUNT_GUARDS = `count(*) FILTER (WHERE w.events = 0)
      INTO conflicting, conflicts, new_streams, known_streams, guards`;

const DECLARE_ABSENT = `absent_streams int;`;
const DECLARE_GUARDS = `guards int;`;

const RECHECK_ABSENT = `IF absent_streams > 0 THEN
      PERFORM FROM unnest(w_append, w_stream, w_expected, w_events) AS w(append, stream, expected, events)
         JOIN streams s ON s.stream = w.stream
        WHERE w.expected = 0 AND w.events = 0 AND w.append <> ALL (refused);
      IF FOUND THEN
        RAISE EXCEPTION 'a stream was made meanwhile' USING ERRCODE = 'serialization_failure';
      END IF;
    END IF;`;
const RECHECK_GUARDS = `IF guards > 0 THEN
      PERFORM FROM unnest(w_append, w_stream, w_expected, w_events) AS w(append, stream, expected, events)
         JOIN streams s ON s.stream = w.stream
        WHERE w.events = 0 AND s.version <> w.expected AND w.append <> ALL (refused);
      IF FOUND THEN
        RAISE EXCEPTION 'a guarded stream has moved on meanwhile' USING ERRCODE = 'serialization_failure';
      END IF;
    END IF;

    IF true = ANY (w_childless) THEN
      PERFORM FROM unnest(w_append, w_stream, w_childless) AS w(append, stream, childless)
        WHERE w.childless AND w.append <> ALL (refused)
          AND EXISTS (SELECT FROM streams c WHERE c.parent = w.stream AND c.open);
      IF FOUND THEN
        RAISE EXCEPTION 'a child was made meanwhile' USING ERRCODE = 'serialization_failure';
      END IF;
    END IF;`;

/**
 * Guards lock nothing: they are looked at once more under the log's lock, where no other append can be on its way. With
 * the lock on a guard's row, of two batches that had one guard in common the second waited for the commit of the first
 * before it did any of its own work. That a stream has no child is looked at once more too, since who makes a child now
 * has no lock on the parent.
 */
export class GuardsWithoutLocks1700000000101 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await rewriteAppendEvents(
      runner,
      [LOCK_ALL, LOCK_WRITTEN],
      [COUNT_ABSENT, COUNT_GUARDS],
      [DECLARE_ABSENT, DECLARE_GUARDS],
      [RECHECK_ABSENT, RECHECK_GUARDS],
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await rewriteAppendEvents(
      runner,
      [LOCK_WRITTEN, LOCK_ALL],
      [COUNT_GUARDS, COUNT_ABSENT],
      [DECLARE_GUARDS, DECLARE_ABSENT],
      [RECHECK_GUARDS, RECHECK_ABSENT],
    );
  }
}
