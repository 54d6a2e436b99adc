/** What a program that a test starts gets of the test's own environment. */
export function bareEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '', GLIBC_TUNABLES } = process.env;
  // How scripts/test.mjs has the memory asked for.
  return { PATH, HOME, ...(GLIBC_TUNABLES !== undefined && { GLIBC_TUNABLES }) };
}
