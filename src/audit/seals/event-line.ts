import { isForEverybody } from '../history/portable-data.js';
import { entryOf } from './entry.js';
import { leafHash } from './merkle-tree.js';

/** An event's line in an export: `{"position":812,"event":{…,"data":{…}}}`; withheld, `{"position":812,"leafHash":"…"}`. */
export type EventLine = string;

const BEFORE_POSITION = '{"position":';
const BEFORE_EVENT = ',"event":';
const WITHHELD = /^\{"position":\d+,"leafHash":"([\da-f]{64})"\}$/;

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

/** What is sealed of the event: also without itself. */
export function leafOf(line: EventLine): Buffer {
  const [, hash] = WITHHELD.exec(line) ?? [];
  return hash === undefined ? leafHash(entryOf(eventOf(line))) : Buffer.from(hash, 'hex');
}

/** For a reader who may know that there is such an event, and no more of it. */
export function withheld(line: EventLine): EventLine {
  return `${BEFORE_POSITION}${positionOf(line)},"leafHash":"${leafOf(line).toString('hex')}"}`;
}

/** Whether all of it is for readers who may not see the configs of environments. */
export function isOpen(line: EventLine): boolean {
  return isForEverybody(JSON.parse(eventOf(line)) as { readonly type: string; readonly data: object });
}
