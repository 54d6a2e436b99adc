import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { extract, pack } from 'tar-stream';
import { contentOf, git, script, WorkspaceService } from './workspace-service.js';

let service: WorkspaceService;
let outside: string;
beforeAll(async () => {
  service = await WorkspaceService.start();
  outside = join(service.home, 'outside');
  await mkdir(outside);
  await writeFile(join(outside, 'secret'), 'not for anybody\n');
});
afterAll(() => service?.close());

interface Item {
  readonly name: string;
  readonly type?: 'file' | 'symlink' | 'link' | 'directory' | 'fifo' | 'character-device';
  readonly linkname?: string;
  readonly text?: string;
  readonly mode?: number;
}

async function tar(...items: Item[]): Promise<Uint8Array<ArrayBuffer>> {
  const archive = pack();
  for (const { text = '', ...header } of items) archive.entry(header, text);
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

describe('a path outside of the roots', () => {
  test('by .., by a symlink, or through one, is refused, and nothing is read', async () => {
    await symlink(outside, join(service.roots, 'way-out'));
    await mkdir(join(outside, 'below'), { recursive: true });
    const folder = await service.folder('plain');
    const paths = [
      outside,
      join(service.roots, '../outside'),
      `${service.roots}/../outside`,
      join(service.roots, 'way-out'),
      join(service.roots, 'way-out/below'),
      join(service.roots, 'missing'),
      `${service.roots}-beside`,
      'relative',
      '/',
      join(outside, 'secret'),
      `${folder}/../../outside`,
    ];
    const { id, folder: remote } = await service.lease();
    for (const localPath of paths) {
      for (const what of ['sync-in', 'sync-out']) {
        expect(await service.post(id, what, { localPath }, 403)).toMatchObject({ code: 'local_path_not_allowed' });
      }
    }
    expect(await readdir(remote)).toEqual([]);
  });

  test('no root at all allows no path', async () => {
    const none = await WorkspaceService.start({ LEASEHOLD_WORKSPACE_ROOTS: '' });
    try {
      const { id } = await none.lease();
      const localPath = await none.folder('any');
      expect(await none.post(id, 'sync-in', { localPath }, 403)).toMatchObject({ code: 'local_path_not_allowed' });
    } finally {
      await none.close();
    }
  });

  test('a root that is a symlink is the folder it leads to', async () => {
    const real = join(service.home, 'real-root');
    await mkdir(join(real, 'project'), { recursive: true });
    await writeFile(join(real, 'project/a'), 'a\n');
    const link = join(service.home, 'linked-root');
    await symlink(real, link);
    const linked = await WorkspaceService.start({ LEASEHOLD_WORKSPACE_ROOTS: JSON.stringify([link]) });
    try {
      const { id, folder } = await linked.lease();
      await linked.post(id, 'sync-in', { localPath: join(link, 'project') });
      expect(await contentOf(folder)).toEqual({ a: '644 a\n' });
      expect(await linked.post(id, 'sync-in', { localPath: outside }, 403)).toMatchObject({ status: 403 });
    } finally {
      await linked.close();
    }
  });

  test('symlinks to a file and to a folder outside travel as symlinks, and nothing is written through one', async () => {
    const folder = await service.folder('links');
    await symlink(join(outside, 'secret'), join(folder, 'file'));
    await symlink(outside, join(folder, 'dir'));
    const { id, folder: remote } = await service.lease();
    await service.post(id, 'sync-in', { localPath: folder });
    expect(await contentOf(remote)).toEqual({ file: `-> ${outside}/secret`, dir: `-> ${outside}` });
    await script(remote, 'rm dir && mkdir dir && echo run > dir/planted');
    await mkdir(join(folder, 'other'));
    const { conflicts } = await service.post(id, 'sync-out', { localPath: folder });
    expect(conflicts).toEqual([]);
    expect(await readdir(outside)).toEqual(['below', 'secret']);
    expect(await contentOf(folder)).toMatchObject({ 'dir/': '', 'dir/planted': '644 run\n' });
  });

  test('a repository that is outside is refused', async () => {
    const repository = join(outside, 'repository');
    await mkdir(repository);
    await git(repository, 'init', '-q');
    const [linked, pointing] = [await service.folder('linked'), await service.folder('pointing')];
    await symlink(join(repository, '.git'), join(linked, '.git'));
    await writeFile(join(pointing, '.git'), `gitdir: ${repository}/.git\n`);
    const { id } = await service.lease();
    for (const localPath of [linked, pointing]) {
      expect(await service.post(id, 'sync-in', { localPath }, 403)).toMatchObject({ code: 'local_path_not_allowed' });
    }
  });
});

describe('an archive', () => {
  test('of files, folders, an executable and a symlink arrives, and comes back changed', async () => {
    const { id, folder } = await service.lease();
    const sent = await service.sendArchive(
      id,
      await tar(
        { name: 'a/', type: 'directory' },
        { name: './a/tool', text: 'tool', mode: 0o755 },
        { name: `a/${'long'.repeat(50)}`, text: 'long' },
        { name: 'ünï', text: '' },
        { name: 'link', type: 'symlink', linkname: 'a/tool' },
      ),
    );
    expect(sent.status).toBe(200);
    expect(await contentOf(folder)).toMatchObject({ 'a/tool': '755 tool', ünï: '644 ', link: '-> a/tool' });
    await script(folder, 'rm link; echo new > new; echo more >> a/tool');
    const back = await fetch(`${service.service.api.url}/api/environment-leases/${id}/sync-out`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ changesOnly: true }),
    });
    expect(back.headers.get('content-type')).toBe('application/x-tar');
    const archive = extract();
    archive.end(Buffer.from(await back.arrayBuffer()));
    const names: string[] = [];
    let changes = '';
    for await (const entry of archive) {
      names.push(entry.header.name);
      for await (const chunk of entry as AsyncIterable<Buffer>) {
        if (entry.header.name === '.leasehold/changes.json') changes += chunk.toString();
      }
    }
    expect(names).toEqual(['a/tool', 'new', '.leasehold/changes.json']);
    expect(JSON.parse(changes)).toEqual({ version: 1, added: ['new'], changed: ['a/tool'], deleted: ['link'] });
  });

  test.each<[string, Item[]]>([
    ['..', [{ name: '../evil', text: 'x' }]],
    ['.. in the middle', [{ name: 'a/../../evil', text: 'x' }]],
    ['an absolute path', [{ name: '/tmp/leasehold-evil', text: 'x' }]],
    ['a hard link', [{ name: 'a', type: 'link', linkname: '/etc/passwd' }]],
    ['a device', [{ name: 'a', type: 'character-device' }]],
    ['a pipe', [{ name: 'a', type: 'fifo' }]],
    [
      'a way through a symlink',
      [
        { name: 'a', type: 'symlink', linkname: '/tmp' },
        { name: 'a/leasehold-evil', text: 'x' },
      ],
    ],
    [
      'a symlink in the place of a folder',
      [
        { name: 'a/b', text: 'x' },
        { name: 'a', type: 'symlink', linkname: '/tmp' },
      ],
    ],
  ])('with %s is refused', async (_what, items) => {
    const { id, folder } = await service.lease();
    const answer = await service.sendArchive(id, await tar({ name: 'good', text: 'x' }, ...items));
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([400, 'invalid_archive']);
    const left = Object.keys(await contentOf(folder));
    expect(left.filter((path) => path.includes('evil'))).toEqual([]);
  });

  test('that is none, is empty or is too large is refused', async () => {
    const { id } = await service.lease();
    for (const bytes of [new Uint8Array(0), new Uint8Array(2_000).fill(65)]) {
      expect((await service.sendArchive(id, bytes)).status).toBe(400);
    }
    const small = await WorkspaceService.start({ LEASEHOLD_SYNC_LIMIT_BYTES: '2000' });
    try {
      const { id: other } = await small.lease();
      const answer = await small.sendArchive(other, await tar({ name: 'a', text: 'x'.repeat(5_000) }));
      expect(answer.status).toBe(413);
    } finally {
      await small.close();
    }
  });

  test('does not replace files that the lease has not put there, unless it is told to', async () => {
    const { id, folder } = await service.lease();
    await writeFile(join(folder, 'theirs'), 'x');
    const archive = await tar({ name: 'a', text: 'x' });
    expect((await service.sendArchive(id, archive)).status).toBe(409);
    expect(Object.keys(await contentOf(folder))).toEqual(['theirs']);
    expect((await service.sendArchive(id, archive, '?replace=true')).status).toBe(200);
    expect((await service.sendArchive(id, archive)).status).toBe(200);
    expect(Object.keys(await contentOf(folder))).toEqual(['a']);
  });
});
