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
  // More than the two cores of CI: tests of kills and timers wait for most of their time.
  maxWorkers: 3,
  // For what hangs. What a quiet machine does in a minute takes ten times that beside others on two busy cores.
  testTimeout: 600_000,
};
