/** An event's JSON as it stands in an export: `{"stream":…,"data":{…}}`. */
export type EventText = string;

interface Columns {
  readonly stream: string;
  readonly version: number;
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly companyId: string;
  readonly actor: string;
  readonly correlationId: string | null;
  readonly causationId: string | null;
  /** ISO 8601 with an offset, up to the microsecond. */
  readonly recordedAt: string;
}

/** In no event before its data: quotation marks within a JSON text have a backslash before them. */
const BEFORE_DATA = ',"data":';

/** The types of the columns by their numbers in Postgres, which never change. */
const [TEXT, UUID, INT2, INT4, TIMESTAMPTZ, JSONB] = [25, 2950, 21, 23, 1184, 3802] as const;
const JSONB_VERSION = 1;
const SECONDS_TO_2000 = 946_684_800n;
const MICROSECONDS = 1_000_000n;

/**
 * The bytes that are hashed: the row as Postgres sends a record in binary. The number of columns (4 bytes, as all that
 * follow, most significant first); then for each column the number of its type, its length (-1: null) and its bytes: stream
 * text, version int4, id uuid, type text, schemaVersion int2, companyId uuid, actor text, correlationId and causationId uuid,
 * recordedAt timestamptz (microseconds since 2000, 8 bytes), data jsonb (a 1 byte, then the text as it stands in the
 * event's). The place in the log is not in it: it is the place in the tree.
 */
export function entryOf(event: EventText): Buffer {
  const beforeData = event.indexOf(BEFORE_DATA);
  const columns = parsed(`${event.slice(0, Math.max(0, beforeData))}}`);
  // It has the hash of no event, and so is found to be changed.
  if (!columns) return Buffer.from(event);
  const { stream, version, id, type, schemaVersion, companyId, actor, correlationId, causationId } = columns;
  const data = Buffer.from(event.slice(beforeData + BEFORE_DATA.length, -1));
  return Buffer.concat([
    int4(11),
    ...column(TEXT, text(stream)),
    ...column(INT4, int4(version)),
    ...column(UUID, uuid(id)),
    ...column(TEXT, text(type)),
    ...column(INT2, int4(schemaVersion).subarray(2)),
    ...column(UUID, uuid(companyId)),
    ...column(TEXT, text(actor)),
    ...column(UUID, uuid(correlationId)),
    ...column(UUID, uuid(causationId)),
    ...column(TIMESTAMPTZ, timestamp(columns.recordedAt)),
    ...column(JSONB, Buffer.concat([Buffer.of(JSONB_VERSION), data])),
  ]);
}

function parsed(header: string): Columns | null {
  try {
    return JSON.parse(header) as Columns;
  } catch {
    return null;
  }
}

function column(type: number, value: Buffer | null): Buffer[] {
  return value === null ? [int4(type), int4(-1)] : [int4(type), int4(value.length), value];
}

/** Of anything else than a number in its range: no bytes, which is what no event has. */
function int4(value: number): Buffer {
  if (!Number.isInteger(value) || value !== (value | 0)) return Buffer.alloc(0);
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.from(String(value));
}

function uuid(value: string | null): Buffer | null {
  return value === null ? null : Buffer.from(String(value).replaceAll('-', ''), 'hex');
}

function timestamp(iso: string): Buffer {
  const fraction = /\.(\d{1,6})/.exec(String(iso))?.[1] ?? '';
  const seconds = Math.floor(Date.parse(String(iso)) / 1_000);
  if (Number.isNaN(seconds)) return Buffer.alloc(0);
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE((BigInt(seconds) - SECONDS_TO_2000) * MICROSECONDS + BigInt(fraction.padEnd(6, '0')));
  return bytes;
}
