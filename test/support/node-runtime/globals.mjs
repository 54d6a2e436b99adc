/** `@jest/globals`, of the test file that is being loaded; `expect` is the same for all. */
export const { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } =
  globalThis[Symbol.for('leasehold.jest-globals')];
