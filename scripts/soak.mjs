// What takes too long for every change: the tests that grow with LEASEHOLD_SOAK, grown.
process.env.LEASEHOLD_SOAK = 'yes';
process.argv.push('kill-steps', 'readers-under-kill');
await import('./test.mjs');
