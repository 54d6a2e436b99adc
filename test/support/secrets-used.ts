import { scanForSecrets, type Places } from './scan-for-secrets.js';

/** Set by node-runtime/runtime.mjs. */
const TEST_FILE = Symbol.for('leasehold.test-file');
/** Every private key and token that the tests of a file have used, by a name that may be shown. */
const used = new Map<string, string>();
let usedBy: string | undefined;

export function useSecret(kind: string, value: string): void {
  forgetOtherFiles();
  if (![...used.values()].includes(value)) used.set(`${kind} ${used.size + 1}`, value);
}

/**
 * Whatever a service may have written to is looked through before it goes, so that after the whole suite all of it has been.
 * @throws Error that says which secret was found where
 */
export async function expectNoSecrets(places: Partial<Places>): Promise<void> {
  forgetOtherFiles();
  if (used.size === 0) return;
  const finds = await scanForSecrets(Object.fromEntries(used), {
    ...{ connection: null, dataDir: null, redis: null, logs: {} },
    ...places,
  });
  if (finds.length > 0) throw new Error(`Secrets were left behind: ${JSON.stringify(finds.slice(0, 10), null, 2)}`);
}

/** The files that a worker runs share this module, but no service. The benches, which use it too, have no test file. */
function forgetOtherFiles(): void {
  const { [TEST_FILE]: testFile } = globalThis as { [TEST_FILE]?: string };
  if (testFile !== usedBy) used.clear();
  usedBy = testFile;
}
