import { fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConfigError } from '../../../src/platform/config/config.js';
import { rotateKeyFile } from '../../../src/domain/secrets/key-file.js';
import { KeyRing } from '../../../src/domain/secrets/key-ring.js';
import { MasterKey, randomKey } from '../../../src/domain/secrets/master-key.js';

const PLACE = {
  companyId: 'c0000000-0000-7000-8000-000000000001',
  secretId: 'a0000000-0000-7000-8000-000000000001',
  version: 1,
};

let root: string;
let dataDir: string;
const keyFile = () => join(dataDir, 'secrets.key');
const open = (secretsKey: string | null = null, secretsKeyPrevious: string | null = null) =>
  KeyRing.open({ secretsKey, secretsKeyPrevious, dataDir });

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'leasehold-keys-'));
  dataDir = join(root, 'data');
});

afterEach(() => rm(root, { recursive: true, force: true }));

describe('the key file', () => {
  it('is made once by processes that start at once, for the owner alone', async () => {
    const children = Array.from({ length: 6 }, () =>
      fork(join(import.meta.dirname, 'key-ring.fixture.mjs'), [dataDir], { execArgv: [] }),
    );
    await Promise.all(children.map((child) => once(child, 'message')));
    const told = children.map((child) => once(child, 'message'));
    for (const child of children) child.send('go');
    const ids = (await Promise.all(told)).map(([id]: unknown[]) => id);
    expect(new Set([...ids, (await open()).current.id]).size).toBe(1);
    expect(await readdir(dataDir)).toEqual(['secrets.key']);
    expect((await stat(keyFile())).mode & 0o777).toBe(0o600);
  });

  it('is not made where the settings have the key', async () => {
    const key = randomKey();
    expect((await open(key)).current.id).toBe(new MasterKey(key).id);
    await expect(stat(dataDir)).rejects.toThrow('ENOENT');
  });

  it('is refused when it has no key', async () => {
    await open();
    await writeFile(keyFile(), 'not a key\n');
    await expect(open()).rejects.toThrow('contains no key');
  });

  it.each(['0640', '0604', '0620', '0602'])(
    'is refused when its mode is %s, and used when it was put right',
    async (mode) => {
      const { id } = (await open()).current;
      await chmod(keyFile(), Number.parseInt(mode, 8));
      await expect(open()).rejects.toThrow(`${keyFile()} has mode ${mode}`);
      await expect(open(randomKey())).rejects.toThrow(`chmod 600 ${keyFile()}`);
      await expect(rotateKeyFile(dataDir)).rejects.toThrow(ConfigError);
      await chmod(keyFile(), 0o600);
      expect((await open()).current.id).toBe(id);
    },
  );

  it('is made for its owner alone whatever the umask, and keeps its mode when it gets a new key', async () => {
    const umask = process.umask(0);
    try {
      await open();
    } finally {
      process.umask(umask);
    }
    await rotateKeyFile(dataDir);
    expect((await stat(keyFile())).mode & 0o777).toBe(0o600);
  });

  it('keeps its older keys when it gets a new one, also from two at once', async () => {
    const first = await open();
    await Promise.all([rotateKeyFile(dataDir), rotateKeyFile(dataDir)]);
    const rotated = await open();
    expect(rotated.olderIds).toContain(first.current.id);
    expect(rotated.olderIds).toHaveLength(2);
    expect(rotated.olderIds).not.toContain(rotated.current.id);
  });

  it('passes over what a crash has left of a key', async () => {
    const first = await open();
    await appendFile(keyFile(), randomKey().slice(0, 20));
    expect((await open()).current.id).toBe(first.current.id);
    await rotateKeyFile(dataDir);
    expect((await open()).olderIds).toEqual([first.current.id]);
  });

  it('is read again by a process that meets a key which it does not know', async () => {
    const running = await open();
    await rotateKeyFile(dataDir);
    const { current } = await open();
    const sealed = current.seal(Buffer.from('a value'), PLACE);
    expect((await running.named(sealed.keyId))?.open(sealed, PLACE).toString()).toBe('a value');
    expect(running.current.id).toBe(current.id);
    expect(await running.named('0000000000000000')).toBeNull();
  });
});

describe('a key ring', () => {
  it('keeps its keys when the file goes, and makes no other', async () => {
    const keys = await open();
    const { id } = keys.current;
    await rm(keyFile());
    expect(await keys.named('0000000000000000')).toBeNull();
    expect(keys.current.id).toBe(id);
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('opens with the previous key of the settings, and seals with the present one', async () => {
    const [present, previous] = [randomKey(), randomKey()];
    const keys = await open(present, previous);
    expect(keys.current.id).toBe(new MasterKey(present).id);
    expect(keys.olderIds).toEqual([new MasterKey(previous).id]);
  });

  it('opens with the key file after the key has moved to the settings, and back', async () => {
    const ofFile = (await open()).current.id;
    const key = randomKey();
    expect((await open(key)).olderIds).toEqual([ofFile]);
    const back = await open(null, key);
    expect([back.current.id, back.olderIds]).toEqual([ofFile, [new MasterKey(key).id]]);
  });

  it('has a key once, though it is named twice', async () => {
    await open();
    const key = (await readFile(keyFile(), 'utf8')).trim();
    expect((await open(key, key)).olderIds).toEqual([]);
  });
});
