import { mkdir, readdir, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { contentOf, git, script, WorkspaceService } from './workspace-service.js';

const SECRET = 'not for anybody';
const LONG_AGO = new Date('2001-01-01');

let service: WorkspaceService;
let outside: string;
beforeAll(async () => {
  service = await WorkspaceService.start({}, ['linked-root']);
  outside = join(service.home, 'outside');
  await mkdir(outside);
  await writeFile(join(outside, 'secret'), `${SECRET}\n`);
});
afterAll(() => service?.close());

describe('a path outside of the roots', () => {
  test('by .., by a symlink to a file or a folder, or through one, is refused, and nothing is read', async () => {
    await symlink(outside, join(service.roots, 'way-out'));
    await symlink(join(outside, 'secret'), join(service.roots, 'way-to-file'));
    await mkdir(join(outside, 'below'), { recursive: true });
    const folder = await service.folder('plain');
    const paths = [
      outside,
      join(service.roots, '../outside'),
      `${service.roots}/../outside`,
      `${folder}/../../outside`,
      `${folder}/./.././../outside/below`,
      join(service.roots, 'way-out'),
      join(service.roots, 'way-out/below'),
      `${service.roots}/way-out/../outside`,
      join(service.roots, 'way-to-file'),
      join(outside, 'secret'),
      join(service.roots, 'missing'),
      `${service.roots}-beside`,
      'relative',
      '/',
      '',
    ];
    const { id, folder: remote } = await service.lease();
    const readSince = await watchReads();
    for (const localPath of paths) {
      for (const what of ['sync-in', 'sync-out']) {
        const problem = await service.post(id, what, { localPath }, localPath === '' ? 400 : 403);
        expect(problem['code']).toBe(localPath === '' ? 'validation_failed' : 'local_path_not_allowed');
        expect(JSON.stringify(problem)).not.toContain(SECRET);
      }
    }
    expect(await readSince()).toEqual([]);
    expect(await readdir(remote)).toEqual([]);
    expect(await contentOf(outside)).toEqual({ 'below/': '', secret: `644 ${SECRET}\n` });
  });

  test('is told of in the same words whether there is something or not', async () => {
    const { id } = await service.lease();
    const told = async (localPath: string): Promise<unknown> => {
      const { code, title, detail, status } = await service.post(id, 'sync-in', { localPath }, 403);
      return { code, title, status, detail: String(detail).replace(localPath, '') };
    };
    expect(await told(join(outside, 'secret'))).toEqual(await told(join(outside, 'missing')));
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
    const { id, folder } = await service.lease();
    await service.post(id, 'sync-in', { localPath: join(link, 'project') });
    expect(await contentOf(folder)).toEqual({ a: '644 a\n' });
    expect(await service.post(id, 'sync-in', { localPath: outside }, 403)).toMatchObject({ status: 403 });
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

  test('a repository of which a part is outside is refused, and nothing of it is read or told', async () => {
    const repository = join(outside, 'repository');
    await mkdir(repository);
    await git(repository, 'init', '-q');
    await writeFile(join(repository, 'a'), 'a');
    await git(repository, 'add', '-A');
    await git(repository, 'commit', '-qm', SECRET);
    const made = async (name: string, ...lines: string[]): Promise<string> => {
      const folder = await service.folder(name);
      await script(folder, ['git init -q', ...lines].join('\n'));
      return folder;
    };
    const there = `'${repository}/.git'`;
    const refused = [
      await made('linked', 'rm -r .git', `ln -s ${there} .git`),
      await made('pointing', 'rm -r .git', `printf 'gitdir: %s\\n' ${there} > .git`),
      await made('objects', 'rm -r .git/objects', `ln -s ${there}/objects .git/objects`),
      await made(
        'objects-by-two',
        'mkdir o',
        `ln -s ${there}/objects/pack o/pack`,
        'rm -r .git/objects',
        'ln -s ../o .git/objects',
      ),
      await made('alternates', `printf '%s\\n' ${there}/objects > .git/objects/info/alternates`),
      await made('refs', `ln -s ${there}/refs/heads .git/refs/heads/theirs`),
      await made('commondir', `ln -s '${outside}/secret' .git/commondir`),
      await made('common', `printf '%s\\n' ${there} > .git/commondir`),
      await made('including', `git config include.path '${outside}/secret'`),
      await made('including-if', `git config 'includeIf.gitdir:/.path' '${outside}/secret'`),
      await made('pipe', 'rm .git/config', 'mkfifo .git/config'),
    ];
    const { id, folder: remote } = await service.lease();
    const readSince = await watchReads();
    for (const localPath of refused) {
      for (const what of ['sync-in', 'sync-out']) {
        const problem = await service.post(id, what, { localPath }, 403);
        expect([localPath, problem['code']]).toEqual([localPath, 'local_path_not_allowed']);
        expect(JSON.stringify(problem)).not.toContain(SECRET);
      }
    }
    expect(await readSince()).toEqual([]);
    expect(await readdir(remote)).toEqual([]);
  });
});

/**
 * Marks all that is outside as read long ago. @returns what tells which of it has been read since; where a disk keeps no
 * such times (noatime), none
 */
async function watchReads(): Promise<() => Promise<string[]>> {
  const names = await readdir(outside, { recursive: true });
  const places = [outside, ...names.map((name) => join(outside, name))];
  for (const place of places) await utimes(place, LONG_AGO, (await stat(place)).mtime);
  return async () => {
    const times = await Promise.all(places.map(async (place) => (await stat(place)).atimeMs));
    return places.filter((_place, index) => times[index] !== LONG_AGO.getTime());
  };
}
