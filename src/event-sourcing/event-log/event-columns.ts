import type { RecordedEvent } from './events.js';

/** The columns of an event, under the names of its fields. */
export const EVENT_COLUMNS = `position, stream, version, id, type, schema_version AS "schemaVersion", company_id AS "companyId", actor,
  correlation_id AS "correlationId", causation_id AS "causationId", recorded_at AS "recordedAt", data`;

/** In the order of `EVENT_COLUMNS`. */
export type EventRow = [
  position: number,
  stream: string,
  version: number,
  id: string,
  type: string,
  schemaVersion: number,
  companyId: string,
  actor: string,
  correlationId: string | null,
  causationId: string | null,
  recordedAt: string,
  data: RecordedEvent['data'],
];

export function eventOf(row: readonly [...EventRow, ...unknown[]]): RecordedEvent {
  const [
    position,
    stream,
    version,
    id,
    type,
    schemaVersion,
    companyId,
    actor,
    correlationId,
    causationId,
    recordedAt,
    data,
  ] = row;
  return {
    position,
    stream,
    version,
    id,
    type,
    schemaVersion,
    companyId,
    actor,
    correlationId,
    causationId,
    recordedAt,
    data,
  };
}
