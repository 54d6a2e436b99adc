import type { JsonObject } from '../../../domain/driver-contract/runtime-driver.js';
import { isJsonObject } from '../../../domain/driver-contract/json-object.js';

/** Far more than an answer needs; what copies and masks one takes its time, and the stack, for each. */
const MAX_DEPTH = 32;
const MAX_VALUES = 5_000;
/** An answer too large to be parsed still ends its call: its id is looked for at both ends. */
const ENDS = 1_024;

export type WorkerMessage =
  | { readonly kind: 'message'; readonly message: JsonObject }
  | { readonly kind: 'excess'; readonly why: string; readonly id: string | null }
  | { readonly kind: 'rubbish' };

/** A line that a worker wrote. Texts in it may be long; anything else is bounded before anything is made of it. */
export function workerMessage(line: string): WorkerMessage {
  const why = excessOf(line);
  if (why !== null) {
    const ends = `${line.slice(0, ENDS)}\n${line.slice(-ENDS)}`;
    return { kind: 'excess', why, id: /"id":\s*"(leasehold-\d{1,15})"/.exec(ends)?.[1] ?? null };
  }
  try {
    const message: unknown = JSON.parse(line);
    if (isJsonObject(message) && message['jsonrpc'] === '2.0') return { kind: 'message', message };
  } catch {
    // It is rubbish too.
  }
  return { kind: 'rubbish' };
}

/** Why a text should not be parsed; null: it may be. */
function excessOf(line: string): string | null {
  const tokens = /["{}[\],]/g;
  let [depth, values] = [0, 0];
  for (let token = tokens.exec(line); token; token = tokens.exec(line)) {
    if (token[0] === '"') tokens.lastIndex = endOfString(line, token.index);
    else if (token[0] === ',') values += 1;
    else if (token[0] === '}' || token[0] === ']') depth -= 1;
    else [depth, values] = [depth + 1, values + 1];
    if (depth > MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} levels`;
    if (values > MAX_VALUES) return `has more than ${MAX_VALUES} names and items`;
  }
  return null;
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
