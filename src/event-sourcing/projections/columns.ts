import type { ValueTransformer } from 'typeorm';

/** For `timestamptz` columns: an ISO 8601 string in UTC with milliseconds, as events have it, where TypeORM gives a Date. */
export const isoTime: ValueTransformer = {
  from: (value: Date | null): string | null => value && value.toISOString(),
  to: (value: unknown): unknown => value,
};

/** For `bigint` columns that hold log positions: a number, where TypeORM gives a string. Exact up to 2^53. */
export const safeInteger: ValueTransformer = {
  from: (value: string | number | null): number | null => (value === null ? null : Number(value)),
  to: (value: unknown): unknown => value,
};
