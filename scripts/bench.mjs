import { join } from 'node:path';
import { runNode } from './run-child.mjs';
import { root, setUpOrExit } from './setup.mjs';
import { provideTestPartsOrExit } from './test-parts.mjs';

await setUpOrExit();
if (process.argv[2] === 'ssh') provideTestPartsOrExit();
// With the heap's limit of `npm start`. Under a limit V8 collects garbage sooner, which nearly halves the resident memory.
const HEAP = '--max-old-space-size=1024';
await runNode([HEAP, join(root, 'dist', 'bench', 'main.js'), ...process.argv.slice(2)], { cwd: root });
