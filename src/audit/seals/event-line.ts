/** An event's line in an export: `{"position":812,"event":{…}}`. The text of `event` is what its leaf is the hash of. */
export type EventLine = string;

const BEFORE_POSITION = '{"position":';
const BEFORE_ENTRY = ',"event":';

export function isEventLine(line: string): line is EventLine {
  return line.startsWith(BEFORE_POSITION);
}

/** @returns NaN for what is no event's line */
export function positionOf(line: EventLine): number {
  return Number(line.slice(BEFORE_POSITION.length, line.indexOf(',')));
}

/** The text that is hashed. */
export function entryOf(line: EventLine): string {
  return line.slice(line.indexOf(',') + BEFORE_ENTRY.length, -1);
}
