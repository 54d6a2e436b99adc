import { readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { extract, pack } from 'tar-stream';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { git, script, WorkspaceService } from './workspace-service.js';

const OWN = new Date('2001-02-03T04:05:06Z');
const BEFORE_ZIP = new Date('1970-01-01T00:00:00Z');
const AFTER_32_BITS = new Date('2150-01-01T00:00:00Z');
/** What a zip (and with it a wheel or a jar) and a file system of 32 bits can say of a file. */
const USABLE = { from: new Date('1980-01-01T00:00:00Z'), to: new Date('2038-01-19T00:00:00Z') };

let service: WorkspaceService;
beforeAll(async () => {
  service = await WorkspaceService.start();
});
afterAll(() => service?.close());

async function timesOf(archive: ArrayBuffer): Promise<Record<string, Date | undefined>> {
  const times: Record<string, Date | undefined> = {};
  const entries = extract();
  entries.end(Buffer.from(archive));
  for await (const entry of entries) {
    times[entry.header.name] = entry.header.mtime;
    entry.resume();
  }
  return times;
}

function expectUsable(times: readonly (Date | undefined)[]): void {
  expect(times.filter((time) => !time || time < USABLE.from || time > USABLE.to)).toEqual([]);
}

test.each(['git', 'archive'])(
  'F7: files of a folder (%s) have their own times in a lease and in what comes back, or the nearest usable one',
  async (strategy) => {
    const folder = await service.folder('times');
    if (strategy === 'git') await git(folder, 'init', '-q');
    for (const [name, time] of [
      ['own', OWN],
      ['old', BEFORE_ZIP],
      ['late', AFTER_32_BITS],
    ] as const) {
      await writeFile(join(folder, name), name);
      await utimes(join(folder, name), time, time);
    }
    const { id, folder: remote } = await service.lease();
    await service.post(id, 'sync-in', { localPath: folder });
    expect((await stat(join(remote, 'own'))).mtime).toEqual(OWN);
    const names = (await readdir(remote)).filter((name) => !name.startsWith('.'));
    expectUsable(await Promise.all(names.map(async (name) => (await stat(join(remote, name))).mtime)));

    await script(remote, 'echo new > new; touch -d 2002-03-04T05:06:07Z new');
    const whole = await timesOf(await (await service.takeArchive(id)).arrayBuffer());
    expect(whole).toMatchObject({ own: OWN, new: new Date('2002-03-04T05:06:07Z') });
    expectUsable(Object.values(whole));
    const changes = await timesOf(await (await service.takeArchive(id, { changesOnly: true })).arrayBuffer());
    expect(changes['new']).toEqual(new Date('2002-03-04T05:06:07Z'));
    expectUsable(Object.values(changes));
  },
);

test('F7: what an archive says of its files’ times counts, as far as they are usable', async () => {
  const archive = pack();
  archive.entry({ name: 'own', mtime: OWN }, 'own');
  archive.entry({ name: 'old', mtime: BEFORE_ZIP }, 'old');
  archive.entry({ name: 'folder', type: 'directory', mtime: BEFORE_ZIP });
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive as AsyncIterable<Uint8Array>) chunks.push(chunk);
  const bytes = new Uint8Array(Buffer.concat(chunks));
  const { id, folder } = await service.lease();
  expect((await service.sendArchive(id, bytes)).status).toBe(200);
  expect((await stat(join(folder, 'own'))).mtime).toEqual(OWN);
  const times = ['old', 'folder'].map(async (name) => (await stat(join(folder, name))).mtime);
  expectUsable(await Promise.all(times));
});
