/** An event's JSON as it stands in an export: `{"stream":…,"data":{…}}`. */
export type EventText = string;

const NAMES = 'stream,version,id,type,schemaVersion,companyId,actor,correlationId,causationId,recordedAt';

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
  const columns = columnsOf(`${event.slice(0, Math.max(0, beforeData))}}`);
  // It has the hash of no event, and so is found to be changed.
  if (!columns) return Buffer.from(event);
  const [stream, version, id, type, schemaVersion, companyId, actor, correlationId, causationId, recordedAt] = columns;
  const data = Buffer.from(event.slice(beforeData + BEFORE_DATA.length, -1));
  return Buffer.concat([
    integer(11, 4),
    ...column(TEXT, text(stream)),
    ...column(INT4, integer(version, 4)),
    ...column(UUID, uuid(id)),
    ...column(TEXT, text(type)),
    ...column(INT2, integer(schemaVersion, 2)),
    ...column(UUID, uuid(companyId)),
    ...column(TEXT, text(actor)),
    ...column(UUID, uuid(correlationId)),
    ...column(UUID, uuid(causationId)),
    ...column(TIMESTAMPTZ, timestamp(recordedAt)),
    ...column(JSONB, Buffer.concat([Buffer.of(JSONB_VERSION), data])),
  ]);
}

/** The values of {@link NAMES} and of nothing else; null for what has others, or is no JSON. */
function columnsOf(header: string): unknown[] | null {
  try {
    const fields = Object.entries(JSON.parse(header) as object);
    return fields.map(([name]) => name).join() === NAMES ? fields.map(([, value]) => value as unknown) : null;
  } catch {
    return null;
  }
}

function column(type: number, value: Buffer | null): Buffer[] {
  return value === null ? [integer(type, 4), integer(-1, 4)] : [integer(type, 4), integer(value.length, 4), value];
}

/** Of anything else than a whole number that fits: no bytes, which is what no event has. As all that follow. */
function integer(value: unknown, bytes: 2 | 4): Buffer {
  const limit = 2 ** (8 * bytes - 1);
  if (!Number.isInteger(value) || Number(value) < -limit || Number(value) >= limit) return Buffer.alloc(0);
  const buffer = Buffer.alloc(bytes);
  buffer.writeIntBE(Number(value), 0, bytes);
  return buffer;
}

function text(value: unknown): Buffer {
  return Buffer.from(typeof value === 'string' ? value : '');
}

function uuid(value: unknown): Buffer | null {
  if (value === null) return null;
  const isUuid = typeof value === 'string' && /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(value);
  return Buffer.from(isUuid ? value.replaceAll('-', '') : '', 'hex');
}

function timestamp(value: unknown): Buffer {
  const [, whole = '', fraction = ''] =
    /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?\+00:00$/.exec(typeof value === 'string' ? value : '') ?? [];
  const milliseconds = Date.parse(`${whole}Z`);
  if (Number.isNaN(milliseconds)) return Buffer.alloc(0);
  const seconds = BigInt(milliseconds / 1_000);
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE((seconds - SECONDS_TO_2000) * MICROSECONDS + BigInt(fraction.padEnd(6, '0')));
  return buffer;
}
