import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { findPlugin } from '../../../../src/runtime/drivers/plugin/plugin-package.js';
import type { JsonObject } from '../../../../src/domain/driver-contract/runtime-driver.js';
import type { DriverCase } from '../contract.js';
import { FAKE_PLUGIN } from './plugins-under-test.js';

const KEY = 'leasehold.fake-plugin';
const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

/** The fake plugin, by each of the two drivers that plugins serve. */
export const FAKE_PLUGIN_CASES: readonly DriverCase[] = [
  fakePlugin('sandbox', 'fake-plugin', (config) => ({ provider: 'fake-plugin', ...config })),
  fakePlugin('plugin', `${KEY}:fake-machine`, (driverConfig) => ({
    ...{ pluginKey: KEY, driverKey: 'fake-machine', driverConfig },
  })),
];

function fakePlugin(
  driver: 'sandbox' | 'plugin',
  provider: string,
  configOf: (config: object) => JsonObject,
): DriverCase {
  return {
    name: `fake plugin, by driver ${driver}`,
    driver,
    isQueued: true,
    async setUp() {
      const root = await mkdtemp(join(tmpdir(), 'leasehold-test-plugin-'));
      return {
        config: configOf({ root, apiKey: 'a key for the fake plugin' }),
        settings: { LEASEHOLD_PLUGINS: FAKE_PLUGIN },
        stop: () => rm(root, { recursive: true }),
      };
    },
    config: {},
    otherConfig: configOf({ root: '/nowhere', image: 'other:1' }),
    cleanupStatus: 'success',
    expectLease(lease, environment) {
      expect(lease.provider).toBe(provider);
      expect(lease.providerLeaseId).toMatch(new RegExp(`^fake-plugin://${lease.heartbeatRunId ?? ''}/${UUID}$`));
      const config = driver === 'sandbox' ? environment.config : (environment.config['driverConfig'] as JsonObject);
      expect(config).toMatchObject({
        ...{ image: 'fake:latest', reuseLease: false },
        ...{ apiKey: null, apiKeySecretRef: { type: 'secret_ref' } },
      });
      const remoteCwd = join(String(config['root']), lease.providerLeaseId?.split('/').at(-1) ?? '');
      expect(lease.metadata).toMatchObject({ image: 'fake:latest', provider, pluginKey: KEY, remoteCwd });
    },
  };
}

/** Of scripts/contract.mjs. */
interface Wish {
  readonly plugin: string;
  readonly driverKey: string;
  readonly as: 'sandbox' | 'plugin';
  readonly config: JsonObject;
}

/** The plugin that the suite is to be run against alone, or null. @param wish of scripts/contract.mjs, as JSON */
export function wishedCase(wish: string | undefined): DriverCase | null {
  if (wish === undefined) return null;
  const { plugin, driverKey, as, config } = JSON.parse(wish) as Wish;
  return {
    name: `${driverKey} of ${plugin}, by driver ${as}`,
    driver: as,
    isQueued: true,
    async setUp() {
      return {
        config:
          as === 'sandbox'
            ? { provider: driverKey, ...config }
            : { pluginKey: (await findPlugin(plugin)).key, driverKey, driverConfig: config },
        settings: { LEASEHOLD_PLUGINS: plugin },
        stop: () => Promise.resolve(),
      };
    },
    config: {},
    otherConfig: {},
    cleanupStatus: 'success',
    expectLease(lease) {
      expect(lease.provider).toContain(driverKey);
      expect(lease.metadata['remoteCwd']).toEqual(expect.stringMatching(/^\//));
    },
  };
}
