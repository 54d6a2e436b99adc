import { join } from 'node:path';
import { runNode } from './run-child.mjs';
import { root, setUpOrExit } from './setup.mjs';
import { provideTestPartsOrExit } from './test-parts.mjs';

await setUpOrExit();
if (process.argv[2] === 'ssh') provideTestPartsOrExit();
await runNode([join(root, 'dist', 'bench', 'main.js'), ...process.argv.slice(2)], { cwd: root });
