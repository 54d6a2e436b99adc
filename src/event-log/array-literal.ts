export type Scalar = string | number | boolean | null;

/** Postgres's text form of an array. pg's own conversion handles nesting and types that are not needed here, at thrice the time. */
export function arrayLiteral(values: readonly Scalar[]): string {
  const elements = values.map((value) => {
    if (value === null) return 'NULL';
    if (typeof value === 'string') return `"${/["\\]/.test(value) ? value.replace(/["\\]/g, '\\$&') : value}"`;
    return String(value);
  });
  return `{${elements.join(',')}}`;
}
