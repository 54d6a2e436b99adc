// Keeps what V8 compiles of a script until it is loaded. Run by scripts/bundle.mjs, with the flags that the script is run with.
import { writeFileSync } from 'node:fs';
import { compiledFileOf, load } from './compiled.mjs';

const file = process.argv[2];
const { script } = load(file);
writeFileSync(compiledFileOf(file), script.createCachedData());
