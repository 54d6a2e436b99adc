import { isDeepStrictEqual } from 'node:util';

/** A field that is not what it was; null stands for a field, or a whole object, that was not there. */
export interface Change {
  readonly field: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** The top-level fields in which two states differ, in the order that the later one has them. */
export function changesBetween(before: object | null, after: object | null): Change[] {
  const of = (state: object | null, field: string): unknown =>
    (state === null ? null : (Reflect.get(state, field) as unknown)) ?? null;
  return Object.keys({ ...after, ...before })
    .map((field) => ({ field, from: of(before, field), to: of(after, field) }))
    .filter(({ from, to }) => !isDeepStrictEqual(from, to));
}
