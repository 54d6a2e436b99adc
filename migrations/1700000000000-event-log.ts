import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The event log. `events` has no foreign key and no unique key but its position, so that it can be partitioned by
 * position later; what a unique (stream, version) would guard is guarded by the row of `streams`, which every append
 * locks and compares.
 */
export class EventLog1700000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE streams (
        stream text COLLATE "C" PRIMARY KEY,
        version integer NOT NULL,
        category text COLLATE "C" NOT NULL,
        company_id uuid NOT NULL,
        correlation_key text COLLATE "C",
        parent text COLLATE "C",
        open boolean NOT NULL
      ) WITH (fillfactor = 85);
      CREATE INDEX streams_correlation ON streams (company_id, correlation_key, open) WHERE correlation_key IS NOT NULL;
      CREATE INDEX streams_open_children ON streams (parent) WHERE open AND parent IS NOT NULL;

      CREATE TABLE events (
        position bigint PRIMARY KEY,
        stream text COLLATE "C" NOT NULL,
        version integer NOT NULL,
        id uuid NOT NULL,
        type text COLLATE "C" NOT NULL,
        schema_version smallint NOT NULL,
        company_id uuid NOT NULL,
        actor text NOT NULL,
        correlation_id uuid,
        causation_id uuid,
        recorded_at timestamptz NOT NULL,
        data jsonb NOT NULL
      );
      CREATE INDEX events_stream ON events (stream, version);
      CREATE INDEX events_company ON events (company_id, position);

      CREATE TABLE idempotency (
        company_id uuid NOT NULL,
        key text COLLATE "C" NOT NULL,
        fingerprint text NOT NULL,
        result jsonb NOT NULL,
        position bigint NOT NULL,
        recorded_at timestamptz NOT NULL,
        PRIMARY KEY (company_id, key)
      );
    `);
    await runner.query(APPEND_EVENTS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP FUNCTION append_events;
      DROP TABLE idempotency, events, streams;
    `);
  }
}

/**
 * Records a batch of appends in one call, so in one transaction and one round trip. A refused append changes nothing
 * and does not disturb the others.
 *
 * The order of the steps is what makes the log correct. Each statement in a PL/pgSQL function takes its own snapshot
 * under READ COMMITTED, so each sees what was committed while the one before it waited.
 * 1. The rows of all streams are locked in stream order (so that two batches cannot deadlock) and compared. A locked row
 *    is read as it is after the wait. A write that needs a childless stream is checked by the next statement, so under
 *    that lock too: who makes a child guards on the parent, and so has committed or will find the parent changed.
 * 2. Known idempotency keys are looked up: after the wait for the streams, because whoever held them may have been the
 *    same command. A known key comes before a conflict.
 * 3. New streams are inserted in stream order. Another process may have made one since step 1: then, and only then, the
 *    counts differ and the whole batch fails with a serialization failure, for the caller to replay one by one.
 * 4. The log's lock is taken last. Positions are given under it and it is held until the commit is visible, so that
 *    positions have no gap and become visible in their order. The head is the newest event, read by a statement of its
 *    own after the lock. A stream that must not exist has no row to lock, so it is looked for again here. Nothing slow
 *    may be added from here on.
 *
 * The settings keep each statement's plan as it should be, whatever the tables looked like when it was made: all access
 * is by index, row by row. Left alone, a session that first appends to an almost empty table keeps a plan that reads the
 * whole of it, and PL/pgSQL plans some of the statements anew in every call.
 *
 * Arrays starting with w_ have one element a write or a guard (w_events 0), e_ one an event, k_ one a key. *_append is the
 * index of the append in the batch, k_events the number of events up to and with the append.
 */
const APPEND_EVENTS = `
  CREATE FUNCTION append_events(
    w_append int[], w_stream text[], w_expected int[], w_events int[], w_first_id uuid[], w_company uuid[],
    w_category text[], w_correlation_key text[], w_parent text[], w_open boolean[], w_childless boolean[],
    e_append int[], e_stream text[], e_version int[], e_id uuid[], e_type text[], e_schema_version smallint[],
    e_company uuid[], e_actor text[], e_correlation uuid[], e_causation uuid[], e_data jsonb[],
    k_append int[], k_company uuid[], k_key text[], k_fingerprint text[], k_result jsonb[], k_events int[]
  ) RETURNS TABLE (base bigint, at timestamptz, refusals jsonb) LANGUAGE plpgsql
  SET plan_cache_mode = force_generic_plan
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
  AS $$
  #variable_conflict use_column
  DECLARE
    refused int[] := '{}';
    refused_events int[] := '{}';
    conflicting int[];
    conflicts jsonb;
    new_streams int;
    known_streams int;
    absent_streams int;
    keys int := cardinality(k_append);
    done int;
  BEGIN
    SELECT array_agg(w.append) FILTER (WHERE coalesce(l.version, 0) <> w.expected),
           jsonb_agg(jsonb_build_object('append', w.append, 'kind', 'conflict', 'stream', w.stream,
             'expected', w.expected, 'actual', coalesce(l.version, 0), 'firstId', w.first_id))
             FILTER (WHERE coalesce(l.version, 0) <> w.expected),
           count(*) FILTER (WHERE w.expected = 0 AND w.events > 0),
           count(*) FILTER (WHERE w.expected > 0 AND w.events > 0),
           count(*) FILTER (WHERE w.expected = 0 AND w.events = 0)
      INTO conflicting, conflicts, new_streams, known_streams, absent_streams
      FROM (SELECT w.append, w.stream, w.expected, w.events, w.first_id
              FROM unnest(w_append, w_stream, w_expected, w_events, w_first_id)
                AS w(append, stream, expected, events, first_id)
             ORDER BY w.stream COLLATE "C") w
      LEFT JOIN LATERAL (SELECT s.version FROM streams s WHERE s.stream = w.stream FOR NO KEY UPDATE) l ON true;

    IF true = ANY (w_childless) THEN
      SELECT conflicting || array_agg(w.append),
             coalesce(conflicts, '[]') || coalesce(jsonb_agg(jsonb_build_object('append', w.append, 'kind', 'conflict',
               'stream', w.stream, 'expected', w.expected, 'actual', w.expected)), '[]')
        INTO conflicting, conflicts
        FROM unnest(w_append, w_stream, w_expected, w_childless) AS w(append, stream, expected, childless)
       WHERE w.childless AND EXISTS (SELECT FROM streams c WHERE c.parent = w.stream AND c.open)
         AND w.append <> ALL (coalesce(conflicting, '{}'));
    END IF;

    IF keys > 0 THEN
      SELECT coalesce(array_agg(k.append), '{}'), jsonb_agg(jsonb_build_object('append', k.append, 'kind', 'duplicate',
               'fingerprint', i.fingerprint, 'result', i.result, 'position', i.position))
        INTO refused, refusals
        FROM unnest(k_append, k_company, k_key) AS k(append, company, key)
        JOIN idempotency i ON i.company_id = k.company AND i.key = k.key;
    END IF;

    IF conflicting IS NOT NULL THEN
      SELECT coalesce(refusals, '[]') || coalesce(jsonb_agg(c.conflict || jsonb_build_object(
               'ownPosition', own.position, 'ownRecordedAt', own.recorded_at)), '[]')
        INTO refusals
        FROM jsonb_array_elements(conflicts) AS c(conflict)
        LEFT JOIN events own ON own.stream = c.conflict->>'stream'
         AND own.version = (c.conflict->>'expected')::int + 1 AND own.id = (c.conflict->>'firstId')::uuid
       WHERE (c.conflict->>'append')::int <> ALL (refused);
      refused := refused || conflicting;
    END IF;

    IF cardinality(refused) > 0 THEN
      SELECT count(*) INTO new_streams FROM unnest(w_append, w_expected, w_events) AS w(append, expected, events)
       WHERE w.expected = 0 AND w.events > 0 AND w.append <> ALL (refused);
      SELECT count(*) INTO keys FROM unnest(k_append) AS k(append) WHERE k.append <> ALL (refused);
      SELECT coalesce(array_agg(e.append), '{}') INTO refused_events FROM unnest(e_append) AS e(append)
       WHERE e.append = ANY (refused);
    END IF;

    IF new_streams > 0 THEN
      INSERT INTO streams (stream, version, category, company_id, correlation_key, parent, open)
      SELECT w.stream, w.events, w.category, w.company, w.correlation_key, w.parent, w.open
        FROM unnest(w_append, w_stream, w_expected, w_events, w_company, w_category, w_correlation_key, w_parent, w_open)
          AS w(append, stream, expected, events, company, category, correlation_key, parent, open)
       WHERE w.expected = 0 AND w.events > 0 AND w.append <> ALL (refused)
       ORDER BY w.stream COLLATE "C"
      ON CONFLICT (stream) DO NOTHING;
      GET DIAGNOSTICS done = ROW_COUNT;
      IF done <> new_streams THEN
        RAISE EXCEPTION 'a stream was made meanwhile' USING ERRCODE = 'serialization_failure';
      END IF;
    END IF;

    IF known_streams > 0 THEN
      UPDATE streams s SET version = w.expected + w.events, open = w.open
        FROM unnest(w_append, w_stream, w_expected, w_events, w_open) AS w(append, stream, expected, events, open)
       WHERE s.stream = w.stream AND w.expected > 0 AND w.events > 0 AND w.append <> ALL (refused);
    END IF;

    PERFORM pg_advisory_xact_lock(5021771);
    SELECT e.position, GREATEST(e.recorded_at, date_trunc('milliseconds', clock_timestamp()))
      INTO base, at FROM events e ORDER BY e.position DESC LIMIT 1;
    IF base IS NULL THEN
      base := 0;
      at := date_trunc('milliseconds', clock_timestamp());
    END IF;

    IF absent_streams > 0 THEN
      PERFORM FROM unnest(w_append, w_stream, w_expected, w_events) AS w(append, stream, expected, events)
         JOIN streams s ON s.stream = w.stream
        WHERE w.expected = 0 AND w.events = 0 AND w.append <> ALL (refused);
      IF FOUND THEN
        RAISE EXCEPTION 'a stream was made meanwhile' USING ERRCODE = 'serialization_failure';
      END IF;
    END IF;

    INSERT INTO events (position, stream, version, id, type, schema_version, company_id, actor, correlation_id,
                        causation_id, recorded_at, data)
    SELECT base + row_number() OVER (ORDER BY e.place), e.stream, e.version, e.id, e.type, e.schema_version, e.company,
           e.actor, e.correlation, e.causation, at, e.data
      FROM unnest(e_append, e_stream, e_version, e_id, e_type, e_schema_version, e_company, e_actor, e_correlation,
                  e_causation, e_data) WITH ORDINALITY
        AS e(append, stream, version, id, type, schema_version, company, actor, correlation, causation, data, place)
     WHERE e.append <> ALL (refused);

    IF keys > 0 THEN
      INSERT INTO idempotency (company_id, key, fingerprint, result, position, recorded_at)
      SELECT k.company, k.key, k.fingerprint, k.result,
             base + k.events - (SELECT count(*) FROM unnest(refused_events) AS e(append) WHERE e.append <= k.append), at
        FROM unnest(k_append, k_company, k_key, k_fingerprint, k_result, k_events)
          AS k(append, company, key, fingerprint, result, events)
       WHERE k.append <> ALL (refused)
      ON CONFLICT (company_id, key) DO NOTHING;
      GET DIAGNOSTICS done = ROW_COUNT;
      IF done <> keys THEN
        RAISE EXCEPTION 'an idempotency key was used meanwhile' USING ERRCODE = 'serialization_failure';
      END IF;
    END IF;

    RETURN NEXT;
  END $$`;
