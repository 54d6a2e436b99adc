import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Acquisition, JsonObject } from '../../../../src/domain/driver-contract/runtime-driver.js';
import { findPlugin } from '../../../../src/runtime/drivers/plugin/plugin-package.js';
import type { PluginDriver } from '../../../../src/runtime/drivers/plugin/plugin-driver.js';
import { FAKE_PLUGIN, NEVER, PluginsUnderTest, type Lease } from './plugins-under-test.js';

let plugins: PluginsUnderTest;
let driver: PluginDriver;
beforeAll(async () => {
  plugins = await PluginsUnderTest.start();
  driver = plugins.driver('fake-plugin');
});
afterAll(() => plugins?.stop());

const acquire = (): Promise<Acquisition> => driver.acquire(plugins.effect({}));
const lease = async (): Promise<Lease> => plugins.held(await acquire());
const folderOf = ({ metadata }: Acquisition): string => String(metadata['remoteCwd']);

describe('a command', () => {
  test('takes and gives texts as they are, where it runs', async () => {
    const acquired = await acquire();
    const command = ['sh', '-c', 'cat; pwd; echo "$1" >&2; exit 3', 'sh', `it's "$HOME" ü`];
    const ran = await plugins.run(driver, plugins.held(acquired), command, { stdin: Buffer.from('ü\n') });
    expect(ran).toEqual({ exitCode: 3, stdout: `ü\n${folderOf(acquired)}\n`, stderr: `it's "$HOME" ü\n` });
  });

  describe.each(['fake-plugin', 'plain-plugin'] as const)('of %s', (name) => {
    const of = (): PluginDriver => plugins.driver(name);
    const leaseOf = async (): Promise<Lease> => plugins.held(await of().acquire(plugins.effect({})));

    test('takes bytes that are no text', async () => {
      const stdin = Buffer.from([0, 255, 10, 13, 128]);
      const { stdout } = await plugins.run(of(), await leaseOf(), ['od', '-An', '-tu1'], { stdin });
      expect(stdout.trim().split(/\s+/)).toEqual(['0', '255', '10', '13', '128']);
    });

    test('gives bytes that are no text where they count, with its own exit code', async () => {
      const stdin = randomBytes(3_000_000);
      const ran = await plugins.run(of(), await leaseOf(), ['sh', '-c', 'cat; exit 7'], { stdin, bytes: true });
      expect(ran).toEqual({ exitCode: 7, stdout: stdin.toString('base64'), stderr: '' });
    });
  });

  test('takes and gives more than a message holds where the plugin moves files, and leaves none of them', async () => {
    // In base64 it is more than the 64 MiB of a message.
    const stdin = randomBytes(52_000_000);
    const acquired = await acquire();
    const ran = await plugins.run(driver, plugins.held(acquired), ['cat'], { stdin, bytes: true });
    expect(Buffer.from(ran.stdout, 'base64').equals(stdin)).toBe(true);
    expect(await readdir(join(folderOf(acquired), '.leasehold'))).toEqual([]);
    // Where what a killed process leaves is removed by the next one.
    expect(await readdir(join(plugins.root, 'spool'))).toEqual([]);
  });

  test('has its output told while it runs, and once', async () => {
    const [stdout, stderr] = [new PassThrough().setEncoding('utf8'), new PassThrough()];
    const held = await lease();
    const { leaseMetadata } = held.teardown as { leaseMetadata: { remoteCwd: string } };
    const go = join(leaseMetadata.remoteCwd, 'go');
    const script = 'echo first; until [ -e go ]; do sleep 0.02; done; echo second';
    const running = driver.execute({
      ...{ lease: held, command: 'sh', args: ['-c', script], cwd: null, env: {}, stdin: null, stdout, stderr },
      ...{ timeoutMs: 30_000, signal: NEVER },
    });
    let printed = '';
    stdout.on('data', (chunk: string) => (printed += chunk));
    await once(stdout, 'data');
    expect(printed).toBe('first\n');
    await writeFile(go, '');
    expect(await running).toEqual({ exitCode: 0, signal: null, timedOut: false });
    expect(printed).toBe('first\nsecond\n');
  });
});

describe('a lease', () => {
  test('that is suspended leaves its sandbox to the one that resumes it, whose it is then', async () => {
    const acquired = await acquire();
    const first = plugins.held(acquired);
    await driver.suspend(first);
    expect(existsSync(folderOf(acquired))).toBe(true);
    const resumed = await driver.resume({ ...plugins.effect({}), fence: 2, from: first });
    expect(resumed).toMatchObject({ providerLeaseId: acquired.providerLeaseId });
    await expect(plugins.run(driver, first, ['true'])).rejects.toMatchObject({ reasonCode: 'stale_fence' });
    expect(await driver.release(first)).toBe('nothing_to_clean');
    expect(existsSync(folderOf(acquired))).toBe(true);
    expect(await driver.release({ ...plugins.held(resumed!), fence: 2 })).toBe('cleaned');
    expect(existsSync(folderOf(acquired))).toBe(false);
  });

  test('that is acquired again under its effect is the same one', async () => {
    const effect = plugins.effect({});
    const first = await driver.acquire(effect);
    expect(await driver.acquire(effect)).toEqual(first);
    expect((await acquire()).providerLeaseId).not.toBe(first.providerLeaseId);
  });

  test('ends when its provider says so, which is told until when it is wanted', async () => {
    const endsAt = '2030-01-01T00:00:00.000Z';
    const { expiresAt, metadata } = await driver.acquire({ ...plugins.effect({ livesMs: 60_000 }), endsAt });
    expect(Date.parse(expiresAt ?? '') - Date.now()).toBeGreaterThan(30_000);
    expect(metadata['requestedExpiresAt']).toBe(endsAt);
    expect((await acquire()).expiresAt).toBeNull();
  });

  test('whose name has a secret in it is refused, and taken down', async () => {
    const before = await readdir(plugins.root);
    const effect = plugins.effect({});
    const apiKey = effect.effectId;
    const acquiring = driver.acquire({ ...effect, config: { ...effect.config, apiKey } });
    await expect(acquiring).rejects.toMatchObject({
      reasonCode: 'driver_failed',
      message: expect.not.stringContaining(apiKey) as unknown,
    });
    expect(await readdir(plugins.root)).toEqual(before);
  });

  test('cannot resume what is gone', async () => {
    const acquired = await acquire();
    await driver.release(plugins.held(acquired));
    const from = plugins.held(acquired);
    expect(await driver.resume({ ...plugins.effect({}), fence: 2, from })).toBeNull();
  });
});

describe('a config', () => {
  const verdict = (config: JsonObject) => driver.validateConfig({ provider: 'fake-plugin', ...config }, 'company');

  test('is completed by the schema’s defaults; a secret has its place', async () => {
    expect(await verdict({ root: '/srv' })).toEqual({
      kind: 'valid',
      config: {
        ...{ provider: 'fake-plugin', root: '/srv', image: 'fake:latest', reuseLease: false },
        ...{ apiKey: null, apiKeySecretRef: null },
      },
    });
    expect(driver.secretFields).toEqual(['apiKey']);
  });

  test.each<[string, JsonObject, readonly string[]]>([
    ['a missing field', {}, ['root']],
    ['a list that is too long to be compared', { root: '/srv', volumes: Array(501).fill({}) }, ['volumes']],
    ['an unknown field', { root: '/srv', extra: 1 }, ['extra']],
    ['a field of another type', { root: '/srv', image: 1 }, ['image']],
    ['too short a secret', { root: '/srv', apiKey: 'short' }, ['apiKey']],
    ['a timeout out of its range', { root: '/srv', timeoutMs: 0 }, ['timeoutMs']],
    ['a reference that is none', { root: '/srv', apiKeySecretRef: { type: 'secret_ref' } }, ['provider']],
    ['what the plugin itself refuses', { root: 'srv' }, ['provider']],
  ])('is refused for %s', async (_case, config, fields) => {
    const answer = await verdict(config);
    expect(answer.kind === 'invalid' && [...new Set(answer.errors.map(({ field }) => field))]).toEqual(fields);
  });

  test('that the plugin refuses is refused in its words', async () => {
    const errors = [{ field: 'provider', message: 'root must be an absolute path' }];
    expect(await verdict({ root: 'srv' })).toEqual({ kind: 'invalid', errors });
  });
});

describe('a package', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'leasehold-test-package-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function packageWith(name: string, files: Readonly<Record<string, string>>): Promise<string> {
    const path = join(folder, name);
    await mkdir(path);
    for (const [file, content] of Object.entries(files)) await writeFile(join(path, file), content);
    return path;
  }
  const DECLARES = JSON.stringify({ paperclipPlugin: { manifest: './manifest.mjs', worker: './worker.mjs' } });

  test('is found in its folder', async () => {
    expect(await findPlugin(FAKE_PLUGIN)).toMatchObject({ key: 'leasehold.fake-plugin', folder: FAKE_PLUGIN });
  });

  test.each<[string, Record<string, string>, string]>([
    ['that declares no plugin', { 'package.json': '{}' }, 'has no paperclipPlugin'],
    ['that is not built', { 'package.json': DECLARES }, 'has no ./manifest.mjs: is it built?'],
    [
      'whose manifest throws',
      { 'package.json': DECLARES, 'worker.mjs': '', 'manifest.mjs': 'throw new Error("sorry")' },
      'has a manifest that cannot be read',
    ],
    [
      'whose manifest declares no driver',
      { 'package.json': DECLARES, 'worker.mjs': '', 'manifest.mjs': 'export default { id: "a" }' },
      'has a manifest that cannot be used',
    ],
  ])('%s keeps the service from starting, and it says why', async (name, files, why) => {
    const path = await packageWith(name, files);
    await expect(findPlugin(path)).rejects.toMatchObject({ name: 'ConfigError' });
    await expect(findPlugin(path)).rejects.toThrow(why);
  });

  test('that is nowhere keeps the service from starting', async () => {
    await expect(findPlugin('no-such-plugin')).rejects.toThrow('is neither a folder nor an installed package');
  });
});
