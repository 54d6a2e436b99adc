/**
 * Names, reasons and sentences are other people's: a terminal would do what control characters in them say, and show
 * nothing of others. Controls, format characters (bidi marks), surrogates of no pair, line separators, and what is drawn as nothing.
 */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** With each such character as `\u001b`, which is what it is in JSON too: what was valid JSON of one line still is. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) =>
    Array.from({ length: character.length }, (_, at) => `\\u${hex(character.charCodeAt(at))}`).join(''),
  );
}

/** The same for text that has line breaks and tabs of our own. */
export function visibleLines(text: string): string {
  return text.replace(/[^\n\t]+/g, visible);
}

/** An answer with all its text, names of fields too, as `visible` has it: a line break in it makes no line. */
export function shownAsEscapes<Value>(value: Value): Value {
  return escaped(value) as Value;
}

function escaped(value: unknown): unknown {
  if (typeof value === 'string') return visible(value);
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [visible(name), escaped(one)]));
}

function hex(unit: number): string {
  return unit.toString(16).padStart(4, '0');
}
