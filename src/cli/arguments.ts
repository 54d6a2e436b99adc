import { InvalidArgumentError } from 'commander';
import { parseTime } from '../platform/http/time.js';
import { isUuid } from '../platform/http/uuid.js';

export function uuid(text: string): string {
  if (!isUuid(text)) throw new InvalidArgumentError('It must be a UUID.');
  return text.toLowerCase();
}

export function uuids(text: string, before: readonly string[]): readonly string[] {
  return [...before, uuid(text)];
}

export function name(text: string): string {
  if (text.trim() === '' || text.length > 200) throw new InvalidArgumentError('It must have 1 to 200 characters.');
  return text;
}

export function count(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 1 or more.');
  return Number(text);
}

/** 0 is now. */
export function seconds(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of seconds.');
  return Number(text);
}

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** `90`, `90s`, `30m`, `2h`, `1d`, in seconds. */
export function lifetime(text: string): number {
  const [, amount, unit = 's'] = /^([1-9]\d{0,9})([smhd])?$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('It must be a time such as 90, 90s, 30m, 2h or 1d.');
  return Number(amount) * SECONDS[unit as keyof typeof SECONDS];
}

export function position(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a log position.');
  return Number(text);
}

export function time(text: string): Date {
  const at = parseTime(text);
  if (at === null) {
    throw new InvalidArgumentError(
      'It must be a time with its zone, of the years 1 to 9999, such as 2027-01-01T00:00:00Z.',
    );
  }
  return at;
}
