import { join } from 'node:path';
import { runNode } from './run-child.mjs';
import { root, setUpOrExit } from './setup.mjs';

await setUpOrExit();
await runNode([join(root, 'dist', 'bench', 'main.js'), ...process.argv.slice(2)], { cwd: root });
