/** How sentences about the past say ids, times, durations and counts. Pure: times are said relative to a given one. */

const UNITS = [
  { ms: 86_400_000, name: 'd' },
  { ms: 3_600_000, name: 'h' },
  { ms: 60_000, name: 'min' },
  { ms: 1_000, name: 's' },
] as const;

/** In the largest unit that fits: `1 h`, `2.5 s`, `40 ms`. */
export function duration(ms: number): string {
  const unit = UNITS.find((one) => ms >= one.ms);
  return unit ? `${Number((ms / unit.ms).toFixed(1))} ${unit.name}` : `${Math.round(ms)} ms`;
}

/** `once`, `2 times`. */
export function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

/** `1 command`, `2 commands`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `01a2…e630`: enough to tell ids apart in a sentence; the data has them whole. */
export function shortId(id: string): string {
  return id.length > 12 ? `${id.slice(0, 4)}…${id.slice(-4)}` : id;
}

/** `token:01a2…e630`. */
export function whoIs(actor: string): string {
  return actor.split(':').map(shortId).join(':');
}

/** `2026-11-29 16:49:40 UTC`, without the day where it is that of `from`. Both ISO 8601. */
export function at(time: string, from: string | null = null): string {
  const [day, clock] = [time.slice(0, 10), time.slice(11, 19)];
  return from?.startsWith(day) ? `${clock} UTC` : `${day} ${clock} UTC`;
}

/** `16:49:40 UTC, in 1.7 s`, seen from `from`. */
export function atAndIn(time: string, from: string): string {
  const ms = Date.parse(time) - Date.parse(from);
  return ms > 0 ? `${at(time, from)}, in ${duration(ms)}` : at(time, from);
}

/** What somebody else wrote, as the rest of a sentence: `: text`, without the full stop that the sentence has. */
export function because(text: string | null): string {
  const said = text?.trim().replace(/[.…]{1,3}$/, '') ?? '';
  return said === '' ? '' : `: ${said}`;
}
