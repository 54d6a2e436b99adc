import { writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LocalTree } from '../../../src/runtime/workspaces/local-tree.js';
import { contentOf, git, script, WorkspaceService } from './workspace-service.js';

let service: WorkspaceService;
beforeAll(async () => {
  service = await WorkspaceService.start();
});
afterAll(() => service?.close());

/** Two commits, of which the first has what the second has not. */
async function project(): Promise<string> {
  const folder = await service.folder('project');
  const twoCommits = `printf 'old\\n' > file; git add -A; git commit -qm first
    printf 'new\\n' > file; git add -A; git commit -qm second`;
  await git(folder, 'init', '-q');
  await script(folder, twoCommits);
  await git(folder, 'config', 'uploadpack.allowFilter', 'true');
  return folder;
}

async function clone(...how: string[]): Promise<string> {
  const folder = join(service.roots, `clone-${randomUUID()}`);
  await git(service.roots, 'clone', '-q', ...how, `file://${await project()}`, folder);
  return folder;
}

describe('G3: a partial clone', () => {
  test.each(['blob:none', 'tree:0'])(
    'by %s goes out without what is not here, and commits come back',
    async (filter) => {
      const localPath = await clone(`--filter=${filter}`);
      const { id, folder } = await service.lease();
      expect(await service.post(id, 'sync-in', { localPath })).toMatchObject({
        leftOut: [{ path: '.git/objects', why: 'some of the history before the head is not here: a partial clone' }],
      });
      expect(await script(folder, 'git log --format=%s; git status --porcelain')).toBe('second\n');
      await script(folder, 'echo run > file; git commit -qam third');
      const back = await service.post(id, 'sync-out', { localPath });
      expect(back).toMatchObject({ commits: { outcome: 'fast_forwarded' }, conflicts: [] });
      // As a subject only: git would fetch what it was told to leave where it is.
      expect(await git(localPath, 'log', '--format=%s')).toBe('third\nsecond\nfirst');
      expect(await contentOf(localPath)).toEqual({ file: '644 run\n' });
    },
  );

  test('that lacks files of what is checked out is refused, and after the remedy goes out', async () => {
    const localPath = await clone('--filter=blob:none', '--no-checkout');
    const { id, folder } = await service.lease();
    const problem = await service.post(id, 'sync-in', { localPath }, 409);
    expect(problem).toMatchObject({ code: 'repository_unusable' });
    expect(problem['detail']).toMatch(/^It is a partial clone that lacks 1 of the objects of the commit /);
    const remedy = /`(git fetch [^`]+)`/.exec(String(problem['remedy']))?.[1];
    await script(localPath, remedy ?? 'false');
    await git(localPath, 'reset', '-q', '--hard');
    expect(await service.post(id, 'sync-in', { localPath })).toMatchObject({ leftOut: [] });
    expect(await script(folder, 'git log --format=%s; git status --porcelain')).toBe('second\nfirst\n');
  });
});

describe('a repository that is damaged is refused, with what is wrong and without where the service keeps its copy', () => {
  const object = (of: string, with_: string): string =>
    `at=.git/objects/$(git rev-parse ${of} | sed 's#..#&/#'); rm -f $at; ${with_}`;
  test.each<[string, string, RegExp]>([
    ['a blob that is missing', object('HEAD~1:file', ''), /^git bundle: fatal: unable to read /],
    ['a blob that is junk', object('HEAD~1:file', 'echo junk > $at'), /^git bundle: .*is corrupt/],
    ['a tree that is missing', object('HEAD~1^{tree}', ''), /^git bundle: .*bad tree object/],
    ['a parent that is missing', object('HEAD~1', ''), /^git bundle: .*Failed to traverse parents/],
    ['a head that is missing', object('HEAD', ''), /^The commit [0-9a-f]+, which is checked out, is missing/],
    ['a head that is empty', object('HEAD', ': > $at'), /^The commit [0-9a-f]+, which is checked out, is missing/],
    ['a branch that is empty', ': > .git/refs/heads/main', /^Its branch main does not name a commit\.$/],
    ['a branch that is junk', 'echo junk > .git/refs/heads/main', /^Its branch main does not name a commit\.$/],
    ['a HEAD that is junk', 'echo junk > .git/HEAD', /^Its HEAD names neither a branch nor a commit\.$/],
    ['an index that is junk', 'echo junk > .git/index', /^git ls-files: fatal: index: index file smaller/],
    ['a .git file that is junk', 'rm -r .git; echo junk > .git', /^Its \.git is a file that names no git folder\.$/],
    ['refs of another format', 'git config extensions.refstorage reftable', /^Its refs are not kept as files/],
  ])('%s', async (_what, damage, detail) => {
    const localPath = await project();
    await script(localPath, damage);
    const { id } = await service.lease();
    const problem = await service.post(id, 'sync-in', { localPath }, 409);
    expect(problem).toMatchObject({ code: 'repository_unusable' });
    expect(problem['detail']).toMatch(detail);
    expect(JSON.stringify(problem)).not.toContain(service.dataDir);
  });
});

test('branches and tags whose names are not ASCII go out too', async () => {
  const localPath = await project();
  await script(localPath, 'git tag straße; git branch ändern; git checkout -qb größer');
  const { id, folder } = await service.lease();
  expect(await service.post(id, 'sync-in', { localPath })).toMatchObject({ leftOut: [] });
  const refs = await git(folder, '-c', 'core.quotePath=false', 'for-each-ref', '--format=%(refname:short)');
  expect(refs.split('\n')).toEqual(expect.arrayContaining(['größer', 'main', 'straße', 'ändern']));
});

test('a file that the service’s user may not read is named', async () => {
  // Nobody may, not even root.
  const tree = await LocalTree.open('/proc/sys/net/ipv4');
  try {
    await expect(tree.examine('route/flush')).rejects.toMatchObject({
      code: 'local_path_not_allowed',
      message: 'The user that the service runs as may not read or write "route/flush" in it.',
    });
  } finally {
    await tree.close();
  }
});

test('an empty folder, a repository without a commit and one that is detached go out and come back', async () => {
  const detached = await project();
  await git(detached, 'checkout', '-q', '--detach');
  const unborn = await service.folder('unborn');
  await git(unborn, 'init', '-q');
  await writeFile(join(unborn, 'staged'), 'staged\n');
  await git(unborn, 'add', '-A');
  for (const localPath of [await service.folder('empty'), unborn, detached]) {
    const before = await contentOf(localPath);
    const { id, folder } = await service.lease();
    expect(await service.post(id, 'sync-in', { localPath })).toMatchObject({ leftOut: [] });
    await script(folder, 'printf run > run');
    expect(await service.post(id, 'sync-out', { localPath })).toMatchObject({ conflicts: [], summary: { added: 1 } });
    expect(await contentOf(localPath)).toEqual({ ...before, run: '644 run' });
  }
});
