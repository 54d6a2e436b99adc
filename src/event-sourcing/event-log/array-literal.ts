export type Scalar = string | number | boolean | null;

/** Of JSON texts. JSON has its quotation marks and backslashes escaped as Postgres wants them, and no line break. */
export function jsonArrayLiteral(texts: readonly string[]): string {
  return `{${texts.map((text) => JSON.stringify(text)).join(',')}}`;
}

/** Postgres's text form of an array. pg's own conversion handles nesting and types that are not needed here, at thrice the time. */
export function arrayLiteral(values: readonly Scalar[]): string {
  const elements = values.map((value) => {
    if (value === null) return 'NULL';
    if (typeof value === 'string') return `"${/["\\]/.test(value) ? value.replace(/["\\]/g, '\\$&') : value}"`;
    return String(value);
  });
  return `{${elements.join(',')}}`;
}
