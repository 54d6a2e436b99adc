const MAX_LENGTH = 1_000;

/** What a driver's error says, as it may be recorded and shown: one line, bounded. */
export function failureText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, MAX_LENGTH);
}
