// The tests that take minutes each, and those that repeat what chance decides, as often as their promise says: all of them,
// where none is named (decision 0021).
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const isOfSoak = (path) =>
  path.endsWith('.soak.spec.ts') || (path.endsWith('.spec.ts') && readFileSync(path, 'utf8').includes("/soak.js'"));
process.env.LEASEHOLD_SOAK = 'yes';
if (process.argv.slice(2).every((argument) => argument.startsWith('-'))) {
  const all = readdirSync(join(root, 'test'), { recursive: true }).map((name) => join('test', name));
  process.argv.push(...all.filter(isOfSoak));
}
await import('./test.mjs');
