// How Jest loads test files: by Node itself and not in a sandbox of a file each. Decision 0020.
import asyncHooks from 'node:async_hooks';
import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';
import JestRuntime from 'jest-runtime';

const require = createRequire(import.meta.url);
/** Who hear what happens to the tests of a file: jest-circus adds to them for each file and never takes one away. */
const EVENT_HANDLERS = Symbol.for('EVENT_HANDLERS');

register('./hooks.mjs', import.meta.url);
process.setSourceMapsEnabled(true);
// A worker whose Jest was killed would go on, and with it all that its tests have started. Whoever listens for 'disconnect'
// is kept alive by the channel; a worker is to end by itself when Jest has no more for it.
if (process.channel) setInterval(() => process.connected || process.exit(1), 1_000).unref();

/**
 * Tells jest-circus which test is under way, whose failure it is when nobody handles a rejection: one is at a time. With what
 * it takes of Node, each promise of the service is followed, for a twentieth of a worker's time.
 */
class OneAtATime {
  #store;

  getStore() {
    return this.#store;
  }

  async run(store, callback) {
    const before = this.#store;
    this.#store = store;
    try {
      return await callback();
    } finally {
      this.#store = before;
    }
  }
}

let files = 0;

export default class NodeRuntime extends JestRuntime {
  /** Of jest-circus, which holds the tests of one file: it is loaded again for each. */
  requireInternalModule(path) {
    delete globalThis[EVENT_HANDLERS];
    delete require.cache[path];
    const { AsyncLocalStorage } = asyncHooks;
    asyncHooks.AsyncLocalStorage = OneAtATime;
    try {
      return require(path);
    } finally {
      asyncHooks.AsyncLocalStorage = AsyncLocalStorage;
    }
  }

  setGlobalsForRuntime(globals) {
    globalThis[Symbol.for('leasehold.jest-globals')] = globals;
  }

  unstable_shouldLoadAsEsm() {
    return true;
  }

  /** The query is for what must be of this test file alone: see hooks.mjs. */
  async unstable_importModule(path) {
    // Jest's own would look for the maps where no file is; Node knows them.
    delete Error.prepareStackTrace;
    globalThis[Symbol.for('leasehold.test-file')] = path;
    files += 1;
    return await import(`${pathToFileURL(path).href}?test-file=${files}`);
  }
}
