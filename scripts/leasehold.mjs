#!/usr/bin/env node
import { PROGRAMS, setUpOrExit } from './setup.mjs';

await setUpOrExit();
// In this process: signals and the exit code are its own.
await import(PROGRAMS.cli);
