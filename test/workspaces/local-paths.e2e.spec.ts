import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
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
