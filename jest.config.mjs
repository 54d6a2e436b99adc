export default {
  testMatch: ['<rootDir>/test/**/*.spec.ts'],
  // Minutes each: decision 0021.
  testPathIgnorePatterns: process.env.LEASEHOLD_SOAK === 'yes' ? [] : ['\\.soak\\.spec\\.ts$'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  transform: {},
  // Node runs the tests, not a sandbox of Jest's: decision 0020.
  runtime: '<rootDir>/test/support/node-runtime/runtime.mjs',
  testEnvironment: '<rootDir>/test/support/node-runtime/environment.mjs',
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  reporters: ['default', '<rootDir>/test/support/no-skips-reporter.mjs'],
  // One for each core of CI. A third one made it slower: each test starts processes of its own, and with more of them than
  // cores a start and end of the service took 1.9 s of CPU instead of 1.5.
  maxWorkers: 2,
  // For what hangs. What a quiet machine does in a minute takes ten times that beside others on two busy cores.
  testTimeout: 600_000,
};
