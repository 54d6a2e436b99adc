/** An event's line in an export: `{"position":812,"event":{…,"data":{…}}}`. */
export type EventLine = string;

const BEFORE_POSITION = '{"position":';
const BEFORE_EVENT = ',"event":';

export function isEventLine(line: string): line is EventLine {
  return line.startsWith(BEFORE_POSITION);
}

/** @returns NaN for what is no event's line */
export function positionOf(line: EventLine): number {
  return Number(line.slice(BEFORE_POSITION.length, line.indexOf(',')));
}

/** The event of a line, to the letter. */
export function eventOf(line: EventLine): string {
  return line.slice(line.indexOf(BEFORE_EVENT) + BEFORE_EVENT.length, -1);
}
