// Runs a script from what V8 has compiled of it before: Node 20 keeps nothing of the kind. Decision 0019.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { cachedDataVersionTag } from 'node:v8';
import { Script } from 'node:vm';

/** V8 takes back only what the same version of it has compiled with the same flags: the tag says which. */
export function compiledFileOf(file) {
  return `${file}.${cachedDataVersionTag()}.compiled`;
}

/** @returns what the script exports, and the script */
export function load(file) {
  // Of ASCII alone, by esbuild; a function, see bundle.mjs.
  const source = readFileSync(file, 'latin1');
  const script = new Script(source, { filename: file, cachedData: readIfThere(compiledFileOf(file)) });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, dirname(file));
  return { exports: module.exports, script };
}

function readIfThere(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}
