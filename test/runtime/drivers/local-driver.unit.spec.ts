import { describe, expect, it } from '@jest/globals';
import { LocalDriver } from '../../../src/runtime/drivers/local/local-driver.js';
import type { JsonObject } from '../../../src/domain/driver-contract/runtime-driver.js';

const driver = new LocalDriver();

describe('the local driver', () => {
  it('is at once done, and has no provider', () => {
    expect(driver).toMatchObject({ driver: 'local', provider: null, acquiring: 'immediate' });
  });

  it.each<[string, JsonObject]>([
    ['nothing', {}],
    ['anything', { shell: '/bin/zsh', nested: { list: [1, null] } }],
    [
      'names that every object has',
      JSON.parse('{ "__proto__": {}, "toString": 1, "constructor": null }') as JsonObject,
    ],
  ])('takes as config %s, and leaves it as it is', (_case, config) => {
    expect(driver.validateConfig(config)).toStrictEqual({ kind: 'valid', config });
  });

  it('gives this machine: nothing with a name, nothing to take back', async () => {
    await expect(driver.acquire()).resolves.toStrictEqual({ providerLeaseId: null, metadata: {}, teardown: {} });
    await expect(driver.release()).resolves.toBe('nothing_to_clean');
  });
});
