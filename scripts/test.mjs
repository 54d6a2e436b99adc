import { join } from 'node:path';
import { runNode } from './run-child.mjs';
import { root, setUpOrExit } from './setup.mjs';
import { temporaryFolder } from './temporary-folder.mjs';
import { provideTestPartsOrExit } from './test-parts.mjs';

// The build too: some tests kill and restart the real, compiled service.
await setUpOrExit();
provideTestPartsOrExit();
await runNode([join(root, 'node_modules', 'jest', 'bin', 'jest.js'), ...process.argv.slice(2)], {
  cwd: root,
  env: {
    ...process.env,
    // The soak has its files where a user has them.
    ...(process.env.LEASEHOLD_SOAK !== 'yes' && { TMPDIR: temporaryFolder() }),
    // By environment, so that Jest's workers get it too: they require a module that is none of CommonJS.
    NODE_OPTIONS: [process.env.NODE_OPTIONS, '--disable-warning=ExperimentalWarning'].filter(Boolean).join(' '),
    // glibc takes its memory in large pages then: a run has ten million page faults, and where a machine runs in another each
    // costs 15 us.
    GLIBC_TUNABLES: process.env.GLIBC_TUNABLES ?? 'glibc.malloc.hugetlb=1',
  },
});
