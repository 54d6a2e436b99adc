import type { RecordedEvent } from './events.js';

/** What an event takes beside its data: ids, names, times. */
const ENVELOPE = 500;
/** A number, a key's slot, the head of a string or an object. */
const SLOT = 16;

/** Roughly the bytes that an event takes in memory, without making its JSON. */
export function sizeOf({ data }: RecordedEvent): number {
  return ENVELOPE + sizeOfValue(data);
}

/** The same of a value of JSON. */
export function sizeOfValue(value: unknown): number {
  if (typeof value === 'string') return SLOT + value.length;
  if (typeof value !== 'object' || value === null) return SLOT;
  let size = SLOT;
  for (const [key, inner] of Object.entries(value)) size += key.length + sizeOfValue(inner);
  return size;
}
