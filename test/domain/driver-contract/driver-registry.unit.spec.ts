import { describe, expect, it } from '@jest/globals';
import { DriverRegistry } from '../../../src/domain/driver-contract/driver-registry.js';
import { LocalDriver } from '../../../src/runtime/drivers/local/local-driver.js';
import type { JsonObject } from '../../../src/domain/driver-contract/runtime-driver.js';
import { FakeSandboxDriver } from '../../../src/runtime/drivers/sandbox/fake-sandbox-driver.js';
import { LeaseholdError } from '../../../src/errors/catalogue.js';

const COMPANY = '3f0c9a52-8a4e-4d0b-9a57-6f1e2d3c4b5a';
const local = new LocalDriver();
const fake = new FakeSandboxDriver();
const registry = new DriverRegistry([local, fake]);

function refusal(run: () => unknown): { code: string; fields?: string[] } {
  try {
    run();
  } catch (error) {
    if (!(error instanceof LeaseholdError)) throw error;
    const { code, facts } = error;
    return { code, ...(facts.errors && { fields: facts.errors.map(({ field }) => field) }) };
  }
  throw new Error('It was not refused.');
}

describe('the driver for a config', () => {
  it('is found by the kind of environment, a sandbox by its provider', () => {
    expect(registry.forConfig('local', { provider: 'fake' })).toBe(local);
    expect(registry.forConfig('sandbox', { provider: 'fake' })).toBe(fake);
  });

  it.each<[string, JsonObject]>([
    ['none', {}],
    ['an empty one', { provider: '' }],
    ['one that is no text', { provider: ['fake'] }],
    ['null', { provider: null }],
    ['upper case', { provider: 'Fake' }],
    ['a space', { provider: 'fake ' }],
    ['a line break at its end', { provider: 'fake\n' }],
    ['a slash', { provider: 'a/b' }],
    ['too many characters', { provider: 'a'.repeat(101) }],
  ])('is not found for a provider that cannot be: %s', (_case, config) => {
    expect(refusal(() => registry.forConfig('sandbox', config))).toEqual({
      code: 'validation_failed',
      fields: ['config.provider'],
    });
  });

  it.each(['bubblewrap', 'a.b_c-9', '__proto__', 'constructor'])(
    'is not found for a provider that is not here: %s',
    (provider) => {
      expect(refusal(() => registry.forConfig('sandbox', { provider }))).toEqual({ code: 'unsupported_environment' });
    },
  );

  it('is refused with the names of those that are here', () => {
    expect(() => registry.forConfig('sandbox', { provider: 'docker' })).toThrow(
      'This service has no sandbox provider "docker". It has "fake".',
    );
    expect(() => registry.forConfig('plugin', { pluginKey: 'a', driverKey: 'b' })).toThrow(
      /This service has no plugin driver "a:b"\.$/,
    );
  });

  it.each([
    ['ssh', {}],
    ['plugin', { pluginKey: 'a', driverKey: 'b' }],
  ] as const)('is not found for a kind that is not here: %s', (driver, config) => {
    expect(refusal(() => registry.forConfig(driver, config))).toEqual({ code: 'unsupported_environment' });
  });

  it('is not found for a plugin environment that does not name its plugin and driver', () => {
    expect(refusal(() => registry.forConfig('plugin', { driverKey: 'B' }))).toEqual({
      code: 'validation_failed',
      fields: ['config.pluginKey', 'config.driverKey'],
    });
  });
});

describe('the driver that a lease was acquired with', () => {
  it('is found by its name and provider', () => {
    expect(registry.named('local', null)).toBe(local);
    expect(registry.named('sandbox', 'fake')).toBe(fake);
  });

  it('is not found by one of both alone', () => {
    expect(refusal(() => registry.named('sandbox', null))).toEqual({ code: 'unsupported_environment' });
    expect(refusal(() => registry.named('local', 'fake'))).toEqual({ code: 'unsupported_environment' });
  });

  it('says which one is missing', () => {
    expect(() => registry.named('ssh', null)).toThrow('This service has no driver "ssh".');
    expect(() => registry.named('sandbox', 'gone')).toThrow('This service has no sandbox provider "gone".');
  });
});

describe('a valid config', () => {
  it('is completed by its driver', async () => {
    expect(await registry.validConfig('sandbox', { provider: 'fake' }, COMPANY)).toStrictEqual({
      provider: 'fake',
      image: 'ubuntu:24.04',
      reuseLease: false,
    });
    expect(await registry.validConfig('local', { any: 1 }, COMPANY)).toStrictEqual({ any: 1 });
  });

  it('is refused with the paths of all its faults', async () => {
    const config = JSON.parse('{ "provider": "fake", "image": 1, "__proto__": 2, "extra": 3 }') as JsonObject;
    const refused = await registry.validConfig('sandbox', config, COMPANY).catch((error: unknown) => error);
    expect(
      refusal(() => {
        throw refused;
      }),
    ).toEqual({ code: 'validation_failed', fields: ['config.__proto__', 'config.extra', 'config.image'] });
  });
});
