import { buildMessage, ValidateBy } from 'class-validator';

const TIME =
  /^(\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const [FIRST, LAST] = [Date.parse('0001-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59.999Z')];

/** Null for what is not an ISO 8601 time (extended form, with its zone) of the years 1 to 9999 in UTC: only these can be stored. */
export function parseTime(text: string): Date | null {
  const day = TIME.exec(text)?.[1];
  if (day === undefined || !isDay(day)) return null;
  const time = Date.parse(text);
  return time >= FIRST && time <= LAST ? new Date(time) : null;
}

/** Whether the month has the day: `Date` takes February 30 for March 2. */
function isDay(day: string): boolean {
  const time = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day);
}

export function IsTime(): PropertyDecorator {
  return ValidateBy({
    name: 'isTime',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && parseTime(value) !== null,
      defaultMessage: buildMessage(
        (each) => `${each}$property must be a time with its zone, of the years 1 to 9999, such as 2027-01-01T00:00:00Z`,
      ),
    },
  });
}
