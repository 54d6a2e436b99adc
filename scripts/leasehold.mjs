#!/usr/bin/env node
import { setUpOrExit } from './setup.mjs';

await setUpOrExit();
// In this process: signals and the exit code are its own.
await import('../dist/src/cli.js');
