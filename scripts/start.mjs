import { PROGRAMS, setUpOrExit } from './setup.mjs';

await setUpOrExit();
// In this process: one process fewer, and signals reach the service itself.
await import(PROGRAMS.main);
