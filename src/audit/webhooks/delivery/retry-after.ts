/** What asks to be asked again later, in HTTP. */
const ASKING = [429, 503];

/**
 * How long, in milliseconds, a receiver asks to be left alone; null where it does not say.
 * @param date the answer's own date: what is a time there is meant by the same clock
 */
export function retryAfter(status: number, said: string | undefined, date: string | undefined): number | null {
  if (said === undefined || !ASKING.includes(status)) return null;
  if (/^\d{1,12}$/.test(said)) return Number(said) * 1_000;
  const until = Date.parse(said);
  // A number with a sign or a fraction is a date to this parser.
  if (!/^[A-Z][a-z]{2}/.test(said) || Number.isNaN(until)) return null;
  const now = Date.parse(date ?? '');
  return Math.max(0, until - (Number.isNaN(now) ? Date.now() : now));
}
