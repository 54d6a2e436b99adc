const MAX_LENGTH = 1_000;

/** What a driver's error says, as it may be recorded and shown: one line, bounded, with nothing that Postgres cannot store. */
export function failureText(error: unknown): string {
  const text = textOf(error);
  // Cut first: the cut may halve a surrogate pair, and half of one is refused by jsonb, with the whole append.
  return text.slice(0, MAX_LENGTH).replaceAll(/[\p{Cc}\p{Surrogate}]+/gu, ' ');
}

/** Of whatever others send: `{"toString": 1}` is a value that no text can be made of. */
function textOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return 'No reason was given.';
  }
}
