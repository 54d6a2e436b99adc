import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Acquisition, JsonObject, ProbeResult } from '../../../../src/domain/driver-contract/runtime-driver.js';
import type { PluginDriver } from '../../../../src/runtime/drivers/plugin/plugin-driver.js';
import { useSecret } from '../../../support/secrets-used.js';
import { NEVER, PluginsUnderTest } from './plugins-under-test.js';

let plugins: PluginsUnderTest;
let rogue: PluginDriver;
let acquired: Acquisition;
/** Of workers of their own, of which a call is given up after its budget, while others are tested. */
let silent: Promise<ProbeResult>;
let hung: Promise<ProbeResult>;
beforeAll(async () => {
  plugins = await PluginsUnderTest.start();
  rogue = plugins.driver('rogue');
  acquired = await rogue.acquire(plugins.effect({}));
  silent = giveUp('silence');
  hung = giveUp('hang');
  // One that fails counts in its test.
  for (const given of [silent, hung]) given.catch(() => undefined);
});
afterAll(async () => {
  await plugins?.stop();
  await Promise.allSettled([silent, hung]);
});

const LOST = { reasonCode: 'connection_lost', failureClass: 'transient' };
const probe = (config: JsonObject, of = plugins) => {
  const { companyId, root } = of;
  const whole = { root, ...config };
  return of.driver('rogue').probe({ companyId, environmentId: 'unsaved', config: whole, signal: NEVER });
};

/** @returns what a probe says that got no answer */
async function giveUp(wrong: 'silence' | 'hang'): Promise<ProbeResult> {
  const slow = await PluginsUnderTest.start(3_000);
  try {
    const given = await probe({ wrong: { environmentProbe: wrong } }, slow);
    // What is asked before the end of one that hangs is noticed is lost with it.
    if (wrong === 'hang') while (!(await probe({}, slow)).ok);
    await expectAsEver(slow);
    return given;
  } finally {
    await slow.stop();
  }
}

/** Resolves when it is written down: what a worker says besides its answer may be read after that. */
async function logged(words: string): Promise<void> {
  while (!plugins.log.some((line) => line.includes(words))) await pause(20);
}

/** Whatever one worker does: the same worker, or its successor, and another plugin's answer the next call. */
async function expectAsEver(of: PluginsUnderTest): Promise<void> {
  expect(await probe({}, of)).toMatchObject({ ok: true, summary: 'well' });
  const { companyId, root } = of;
  const request = { companyId, environmentId: 'unsaved', config: { root }, signal: NEVER };
  expect(await of.driver('fake-plugin').probe(request)).toMatchObject({ ok: true });
}
afterEach(() => expectAsEver(plugins));

describe('a worker that is killed', () => {
  const wrong = (method: string): JsonObject => ({ root: plugins.root, wrong: { [method]: 'die once' } });

  test.each<[string, (config: JsonObject) => Promise<unknown>, unknown]>([
    [
      'environmentValidateConfig',
      async (config) => rogue.validateConfig({ provider: 'rogue', ...config }, plugins.companyId),
      { kind: 'valid' },
    ],
    ['environmentAcquireLease', (config) => rogue.acquire(plugins.effect(config)), { providerLeaseId: 'rogue-1' }],
    [
      'environmentResumeLease',
      (config) => rogue.resume({ ...plugins.effect(config), fence: 1, from: plugins.held(acquired) }),
      { providerLeaseId: 'rogue-1' },
    ],
    ['environmentReleaseLease', (config) => rogue.suspend(plugins.held(acquired, config)), undefined],
    ['environmentDestroyLease', (config) => rogue.release(plugins.held(acquired, config)), 'cleaned'],
    [
      'environmentRealizeWorkspace',
      (config) =>
        rogue.realizeWorkspace(plugins.held(acquired, config), { localPath: null, mode: null, signal: NEVER }),
      '/tmp/realized',
    ],
    [
      'environmentExecute',
      (config) => plugins.run(rogue, plugins.held(acquired, config), ['true']),
      { exitCode: 0, stdout: 'done' },
    ],
  ])('during %s: the call is in doubt, and the next one gets another worker', async (method, call, result) => {
    await expect(call(wrong(method))).rejects.toMatchObject({ ...LOST, inDoubt: true });
    const again = expect(await call(wrong(method)));
    if (typeof result === 'object') again.toMatchObject(result as object);
    else again.toBe(result);
  });

  test('during environmentProbe: the probe says so', async () => {
    const config = { wrong: { environmentProbe: 'die once' } };
    expect(await probe(config)).toMatchObject({ ok: false, details: { reasonCode: 'connection_lost' } });
    expect(await probe(config)).toMatchObject({ ok: true });
  });
});

describe('a worker that does not answer', () => {
  test('has its call given up when nobody waits any more; other calls are answered meanwhile', async () => {
    const given = new AbortController();
    const silent = rogue.acquire(plugins.effect({ wrong: { environmentAcquireLease: 'silence' } }, given.signal));
    expect(await probe({})).toMatchObject({ ok: true });
    given.abort(new Error('enough'));
    await expect(silent).rejects.toThrow('enough');
  });

  test('in time: what it has made is found by its effect', async () => {
    const given = new AbortController();
    const config = { lateMs: 500, wrong: { environmentAcquireLease: 'late' } };
    const effect = plugins.effect(config, given.signal);
    const late = rogue.acquire(effect);
    given.abort(new Error('enough'));
    await expect(late).rejects.toThrow('enough');
    expect(await rogue.find({ ...effect, signal: NEVER })).toMatchObject({ providerLeaseId: 'rogue-1' });
    expect(await rogue.find({ ...effect, effectId: randomUUID(), signal: NEVER })).toBeNull();
  });
});

describe('a worker that lies', () => {
  test('by a second answer, is believed the first one', async () => {
    const found = await probe({ wrong: { environmentProbe: 'twice' } });
    expect(found).toMatchObject({ ok: true, summary: 'well' });
    await logged('An answer to an unknown call');
  });

  test('by answers to calls that are not its own, is not heard', async () => {
    expect(await probe({ wrong: { environmentProbe: 'strangeIds' } })).toMatchObject({ ok: true });
  });

  test('by an answer too large to be looked at, has its call refused at once', async () => {
    const given = rogue.acquire(plugins.effect({ wrong: { environmentAcquireLease: 'tooMuch' } }));
    const message = 'The plugin’s answer to environmentAcquireLease has more than 5000 names and items.';
    await expect(given).rejects.toMatchObject({ reasonCode: 'driver_failed', inDoubt: true, message });
  });

  test('by what is no lease, has given none', async () => {
    const given = rogue.acquire(plugins.effect({ wrong: { environmentAcquireLease: 'notALease' } }));
    await expect(given).rejects.toMatchObject({ reasonCode: 'driver_failed', inDoubt: true });
  });
});

describe('a worker that writes rubbish', () => {
  test('between its answers, is heard all the same', async () => {
    expect(await probe({ wrong: { environmentProbe: 'garbage' } })).toMatchObject({ ok: true, summary: 'well' });
    expect(plugins.log.join('\n')).toContain('Not a message: starting up…');
  });

  test('without end, is ended; little of it is written down', async () => {
    expect(await probe({ wrong: { environmentProbe: 'flood' } })).toMatchObject({ ok: false });
    expect(plugins.log.filter((line) => line.includes('rubbish')).length).toBeLessThanOrEqual(50);
  });

  test('in a line without end, is ended', async () => {
    const found = await probe({ wrong: { environmentProbe: 'endlessLine' } });
    expect(found).toMatchObject({ ok: false, details: { reasonCode: 'connection_lost' } });
  });
});

test('a worker that asks for what this host does not serve is told that there is no such method', async () => {
  const { details } = await probe({ wrong: { environmentProbe: 'hostMethods' } });
  const { told } = details?.['metadata'] as { told: { code: number; message: string }[] };
  expect(told).toHaveLength(4);
  for (const { code, message } of told) {
    expect(code).toBe(-32_601);
    expect(message).toMatch(/^Method not found: /);
  }
});

describe('a secret that a call carries', () => {
  const apiKey = `s3cret/+"${randomUUID()}`;
  useSecret('plugin key', apiKey);
  const forms = [apiKey, encodeURIComponent(apiKey), Buffer.from(apiKey).toString('base64')];
  const expectNone = (text: string): void => forms.forEach((form) => expect(text).not.toContain(form));

  test('is not in what comes of a worker that puts it into its errors, its log and its stderr', async () => {
    const failed = rogue.acquire(plugins.effect({ apiKey, wrong: { environmentAcquireLease: 'leak' } }));
    const error = (await failed.catch((reason: unknown) => reason)) as Error;
    expect(error.message).toContain('401 for [secret] ([secret], [secret])');
    const found = await probe({ apiKey, wrong: { environmentProbe: 'leak' } });
    expectNone(JSON.stringify([found, error.message]));
    await logged('the key is');
    await logged('key [secret]');
    await logged('level [secret]');
    await logged('xxxxx');
    expect(plugins.log.join('\n')).not.toContain(apiKey.slice(0, 6));
    expectNone(plugins.log.join('\n'));
  });

  test('is not in what a lease keeps of a worker that hands it back', async () => {
    const config = { apiKey, wrong: { environmentAcquireLease: 'leakInResult' } };
    const { metadata, teardown } = await rogue.acquire(plugins.effect(config));
    expectNone(JSON.stringify([metadata, teardown['leaseMetadata']]));
    expect(metadata).toMatchObject({ '[secret]': ['[secret]'] });
  });
});

test('a worker gets little of the service’s environment', async () => {
  process.env['LEASEHOLD_PLANTED'] = 'planted';
  process.env['DATABASE_URL_PLANTED'] = 'planted';
  const config = { wrong: { environmentProbe: 'environment', environmentResumeLease: 'die' } };
  // Another worker, which comes after what was planted.
  const killed = rogue.resume({ ...plugins.effect(config), from: plugins.held(acquired) });
  await expect(killed).rejects.toMatchObject(LOST);
  const { details } = await probe(config);
  const { env } = details?.['metadata'] as { env: Record<string, string> };
  expect(Object.values(env)).not.toContain('planted');
  expect(env['PATH']).toBe(process.env['PATH']);
  const documented = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'NODE_EXTRA_CA_CERTS'];
  const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];
  expect([...documented, ...proxies]).toEqual(expect.arrayContaining(Object.keys(env)));
});

describe('a worker of which a call waits for its budget', () => {
  const gaveUp = { ok: false, details: { reasonCode: 'budget_exceeded' } };

  test('has it given up, and answers the next one', async () => {
    expect(await silent).toMatchObject(gaveUp);
  });

  test('and which answers nothing else either, is ended and started anew', async () => {
    expect(await hung).toMatchObject(gaveUp);
  });
});
