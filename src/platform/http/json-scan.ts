import type { FieldError } from '../../errors/catalogue.js';
import { displayPath } from './validation-failed.js';

/** The body is level one. Far more than a config or metadata needs, far less than what overflows a recursive library. */
export const MAX_DEPTH = 32;
/** Names, items, objects and arrays in one body. Libraries that copy and validate take quadratic time for them. */
export const MAX_VALUES = 5_000;

const MAX_FAULTS = 20;
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const TOKEN = /["{}[\],:\-\d]/g;

export interface JsonFindings {
  /** Why the text should not even be parsed. */
  readonly excess: FieldError | null;
  /** Numbers that would become other ones. */
  readonly lossy: readonly FieldError[];
}

/** An object or array that is open where the scan is. */
interface Open {
  readonly isArray: boolean;
  /** The place in it: an index, or the text of a name. */
  at: number | string;
}

/** Looks at the text of a JSON document in one pass, before anything is made of it. What is not JSON is left to the parser. */
export function scanJson(text: string): JsonFindings {
  const open: Open[] = [];
  const lossy: FieldError[] = [];
  let name = '';
  let values = 0;
  const stop = (message: string): JsonFindings => ({ excess: { field: pathOf(open), message }, lossy });
  TOKEN.lastIndex = 0;
  for (let token = TOKEN.exec(text); token; token = TOKEN.exec(text)) {
    const [character] = token;
    const innermost = open.at(-1);
    switch (character) {
      case '"': {
        const end = endOfString(text, token.index);
        name = text.slice(token.index, end);
        TOKEN.lastIndex = end;
        break;
      }
      case '{':
      case '[':
        if (open.length === MAX_DEPTH) return stop(`must not be nested deeper than ${MAX_DEPTH} levels`);
        open.push({ isArray: character === '[', at: 0 });
        values += 1;
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case ':':
        if (innermost) innermost.at = name;
        break;
      case ',':
        if (innermost?.isArray) innermost.at = Number(innermost.at) + 1;
        values += 1;
        break;
      default: {
        NUMBER.lastIndex = token.index;
        const [literal = character] = NUMBER.exec(text) ?? [];
        TOKEN.lastIndex = token.index + literal.length;
        if (isKept(literal) || lossy.length === MAX_FAULTS) break;
        lossy.push({
          field: pathOf(open),
          message: 'must be a number that a double can hold as it is written; send it as a string',
        });
      }
    }
    if (values > MAX_VALUES) {
      const message = `must not have more than ${MAX_VALUES} names and items in all`;
      return { excess: { field: 'body', message }, lossy };
    }
  }
  return { excess: null, lossy };
}

/** The place behind the closing quote; the text's end where there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return end + 1;
  }
  return text.length;
}

function pathOf(open: readonly Open[]): string {
  return displayPath(open.map(({ at }) => (typeof at === 'number' ? String(at) : unquoted(at)))) || 'body';
}

function unquoted(name: string): string {
  try {
    return String(JSON.parse(name));
  } catch {
    return name;
  }
}

/** Of a fraction the nearest double will do, as everywhere; an integer should stay what it is, and -0 is written as 0. */
function isKept(literal: string): boolean {
  // Most are short.
  if (/^-?[1-9]\d{0,14}$/.test(literal)) return true;
  const value = Number(literal);
  if (!Number.isFinite(value) || Object.is(value, -0)) return false;
  const written = decimalOf(literal);
  if (written.exponent < 0) return value !== 0;
  const kept = decimalOf(String(value));
  return written.digits === kept.digits && written.exponent === kept.exponent;
}

/** A number as its digits, without zeros at either end, and a power of ten. */
function decimalOf(literal: string): { readonly digits: string; readonly exponent: number } {
  const [, whole = '', fraction = '', power = '0'] = /^-?(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(literal) ?? [];
  const all = (whole + fraction).replace(/^0+/, '');
  let end = all.length;
  while (all[end - 1] === '0') end -= 1;
  if (end === 0) return { digits: '', exponent: 0 };
  return { digits: all.slice(0, end), exponent: Number(power) - fraction.length + all.length - end };
}
