import { describe, expect, it } from '@jest/globals';
import type { AcquireRequest, JsonObject } from '../../../src/domain/driver-contract/runtime-driver.js';
import { FakeSandboxDriver } from '../../../src/runtime/drivers/sandbox/fake-sandbox-driver.js';

const driver = new FakeSandboxDriver();

const parsed = (json: string): JsonObject => JSON.parse(json) as JsonObject;

describe('the config of the fake sandbox provider', () => {
  it.each<[string, JsonObject, JsonObject]>([
    ['every default', { provider: 'fake' }, { provider: 'fake', image: 'ubuntu:24.04', reuseLease: false }],
    [
      'what is given',
      { provider: 'fake', image: 'debian:12', reuseLease: true },
      { provider: 'fake', image: 'debian:12', reuseLease: true },
    ],
  ])('has %s', (_case, given, config) => {
    expect(driver.validateConfig(given)).toStrictEqual({ kind: 'valid', config });
  });

  it('is valid as it was completed', () => {
    const first = driver.validateConfig({ provider: 'fake' });
    expect(first.kind === 'valid' && driver.validateConfig(first.config)).toStrictEqual(first);
  });

  it.each<[string, JsonObject, string[]]>([
    ['an unknown key', { provider: 'fake', imgae: 'x' }, ['imgae']],
    [
      'several faults',
      { provider: 'fake', timeoutMs: 5, image: 7, reuseLease: 'no' },
      ['timeoutMs', 'image', 'reuseLease'],
    ],
    ['__proto__', parsed('{ "provider": "fake", "__proto__": {} }'), ['__proto__']],
    ['toString', { provider: 'fake', toString: 'x' }, ['toString']],
    ['constructor', { provider: 'fake', constructor: 'x' }, ['constructor']],
    ['hasOwnProperty', { provider: 'fake', hasOwnProperty: true }, ['hasOwnProperty']],
    ['another provider', { provider: 'bubblewrap' }, ['provider']],
    ['a provider that is no text', { provider: ['fake'] }, ['provider']],
    ['an image that is no text', { provider: 'fake', image: 24 }, ['image']],
    ['an image that is null', { provider: 'fake', image: null }, ['image']],
    ['an empty image', { provider: 'fake', image: '' }, ['image']],
    ['a blank image', { provider: 'fake', image: ' \t' }, ['image']],
    ['an image that is too long', { provider: 'fake', image: 'i'.repeat(501) }, ['image']],
    ['reuseLease as text', { provider: 'fake', reuseLease: 'false' }, ['reuseLease']],
    ['reuseLease as null', { provider: 'fake', reuseLease: null }, ['reuseLease']],
  ])('is refused for %s, and names it', (_case, given, fields) => {
    const verdict = driver.validateConfig(given);
    expect(verdict.kind === 'invalid' && verdict.errors.map(({ field }) => field)).toEqual(fields);
    expect(verdict.kind === 'invalid' && verdict.errors.every(({ message }) => message.length > 0)).toBe(true);
  });

  it('is not changed by looking at it', () => {
    const given = Object.freeze({ provider: 'fake' });
    driver.validateConfig(given);
    expect(given).toStrictEqual({ provider: 'fake' });
  });

  it('leaves the defaults of the next one alone', () => {
    driver.validateConfig(parsed('{ "provider": "fake", "image": "debian:12", "__proto__": { "image": "evil" } }'));
    expect(driver.validateConfig({ provider: 'fake' })).toMatchObject({ config: { image: 'ubuntu:24.04' } });
  });
});

describe('what the fake sandbox provider gives', () => {
  const request: AcquireRequest = {
    companyId: 'c0000000-0000-7000-8000-000000000001',
    leaseId: 'd0000000-0000-7000-8000-000000000001',
    effectId: 'f0000000-0000-7000-8000-000000000001',
    environmentId: 'a0000000-0000-7000-8000-000000000001',
    heartbeatRunId: 'b0000000-0000-7000-8000-000000000001',
    config: { provider: 'fake', image: 'debian:12', reuseLease: false },
  };
  const reusing = { ...request, config: { ...request.config, reuseLease: true } };

  it('is a sandbox of the run, named by both', async () => {
    const { providerLeaseId, metadata } = await driver.acquire(request);
    expect(providerLeaseId).toBe(`sandbox://fake/${request.heartbeatRunId}/${request.effectId}`);
    expect(providerLeaseId).toMatch(/^sandbox:\/\/fake\/[0-9a-f-]+\/[0-9a-f-]+$/);
    expect(metadata).toStrictEqual({ provider: 'fake', image: 'debian:12', reuseLease: false });
  });

  it('has such a name without a run too', async () => {
    const { providerLeaseId } = await driver.acquire({ ...request, heartbeatRunId: null });
    expect(providerLeaseId).toMatch(/^sandbox:\/\/fake\/[0-9a-f-]+\/[0-9a-f-]+$/);
  });

  it('is the same for the same effect, and another for another', async () => {
    const [first, repeated, other] = await Promise.all([
      driver.acquire(request),
      driver.acquire(request),
      driver.acquire({ ...request, effectId: 'f0000000-0000-7000-8000-000000000002' }),
    ]);
    expect(repeated).toStrictEqual(first);
    expect(other.providerLeaseId).not.toBe(first.providerLeaseId);
  });

  it('with reuseLease is one for the environment, whoever asks', async () => {
    const { providerLeaseId } = await driver.acquire({ ...reusing, heartbeatRunId: null });
    expect(providerLeaseId).toBe(`sandbox://fake/${request.environmentId}`);
  });

  it.each([
    ['is taken back', request, 'cleaned'],
    ['with reuseLease stays for the next one', reusing, 'nothing_to_clean'],
  ])('%s by what was stored when it was given', async (_case, wanted, outcome) => {
    const { providerLeaseId, teardown } = await driver.acquire(wanted);
    const stored = JSON.parse(JSON.stringify({ leaseId: wanted.leaseId, providerLeaseId, teardown })) as {
      teardown: JsonObject;
    };
    await expect(driver.release(stored)).resolves.toBe(outcome);
  });
});
