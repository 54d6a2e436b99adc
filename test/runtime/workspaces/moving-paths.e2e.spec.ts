import { cp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { contentOf, git, script, WorkspaceService } from './workspace-service.js';

let service: WorkspaceService;
let outside: string;
beforeAll(async () => {
  service = await WorkspaceService.start();
  outside = join(service.home, 'outside');
  await mkdir(outside);
  // All that a symlink could be put in the place of.
  const there = join(outside, 'project');
  await mkdir(there);
  await git(there, 'init', '-q');
  await git(there, 'commit', '-qm', 'theirs', '--allow-empty');
  await mkdir(join(there, '.git/refs/leasehold'), { recursive: true });
});
afterAll(() => service?.close());

async function project(): Promise<string> {
  const folder = await service.folder('project');
  await git(folder, 'init', '-q');
  await writeFile(join(folder, 'file'), 'before\n');
  await git(folder, 'add', '-A');
  await git(folder, 'commit', '-qm', 'first');
  return folder;
}

/** Does something while a lease's files are on their way back: the repository has been looked at, and is yet to be written to. */
async function meanwhile(act: () => Promise<void>, during: () => Promise<unknown>): Promise<void> {
  const { driver } = service;
  const execute = driver.execute.bind(driver);
  let acted = false;
  driver.execute = async (request) => {
    if (!acted && request.args.some((word) => word.includes('tar --'))) {
      acted = true;
      await act();
    }
    return execute(request);
  };
  try {
    await during();
  } finally {
    driver.execute = execute;
  }
  expect(acted).toBe(true);
}

describe('C1: what becomes a symlink between a check and a write', () => {
  // Of git's own folder, each place that is written to; then the folder itself, and the workspace’s.
  test.each([
    '.git/logs/refs/heads',
    '.git/logs/HEAD',
    '.git/refs',
    '.git/refs/heads',
    '.git/refs/heads/main',
    '.git/refs/leasehold',
    '.git/objects',
    '.git/objects/pack',
    '.git/index',
    '.git/HEAD',
    '.git',
    '.',
  ])('%s leads nothing out of the roots', async (name) => {
    const folder = await project();
    const { id, folder: remote } = await service.lease();
    await service.post(id, 'sync-in', { localPath: folder });
    await script(remote, 'echo run > file; echo new > new; git config user.name "x; touch x"; git commit -qam run');
    const before = await everything();
    const swap = async (): Promise<void> => {
      const place = join(folder, name);
      await rename(place, join(service.home, `was-${id}`)).catch(() => undefined);
      await symlink(join(outside, 'project', name), place);
    };
    let status = 0;
    await meanwhile(swap, async () => {
      status = (await service.takeArchive(id, { localPath: folder })).status;
    });
    expect([200, 403, 502]).toContain(status);
    expect(await everything()).toEqual(before);
  });

  test('the branch, the index and the logs of both move where nothing is in the way, and git agrees', async () => {
    const folder = await project();
    const { id, folder: remote } = await service.lease();
    await service.post(id, 'sync-in', { localPath: folder });
    await script(remote, 'echo run > file; git commit -qam run');
    await service.post(id, 'sync-out', { localPath: folder });
    expect(await git(folder, 'status', '--porcelain')).toBe('');
    expect(await git(folder, 'fsck', '--no-dangling')).toBe('');
    expect(await git(folder, 'reflog', '--format=%gd %gs', 'main')).toContain('main@{0} leasehold: sync-out');
    expect(await git(folder, 'reflog', '--format=%gs')).toContain('leasehold: sync-out');
  });

  test.each(['index.lock', 'refs/heads/main.lock'])('somebody else’s %s keeps the branch where it is', async (lock) => {
    const folder = await project();
    const { id, folder: remote } = await service.lease();
    await service.post(id, 'sync-in', { localPath: folder });
    await script(remote, 'echo run > file; git commit -qam run');
    await writeFile(join(folder, '.git', lock), '');
    const { commits } = await service.post(id, 'sync-out', { localPath: folder });
    expect(commits).toMatchObject({ outcome: 'kept', reason: 'index_in_the_way' });
    expect(await git(folder, 'log', '--format=%s')).toBe('first');
    await rm(join(folder, '.git', lock));
  });
});

describe('M2: a git folder', () => {
  test('is no workspace, by its name, as a bare repository, as a worktree’s, or as a folder in one', async () => {
    const folder = await project();
    await git(folder, 'worktree', 'add', '-q', join(service.roots, 'side'));
    const bare = join(service.roots, 'bare');
    await git(service.roots, 'clone', '-q', '--bare', folder, bare);
    const moved = join(service.roots, 'moved');
    await cp(join(folder, '.git/worktrees/side'), moved, { recursive: true });
    await symlink(join(folder, '.git/hooks'), join(service.roots, 'innocent'));
    await mkdir(join(service.roots, 'upper/.GIT/hooks'), { recursive: true });
    const refused = ['.git', '.git/hooks', '.git/worktrees/side'].map((name) => join(folder, name));
    refused.push(bare, join(bare, 'hooks'), moved, join(service.roots, 'innocent'));
    refused.push(join(service.roots, 'upper/.GIT'), join(service.roots, 'upper/.GIT/hooks'));
    await mkdir(join(folder, '.git/hooks'), { recursive: true });
    const { id, folder: remote } = await service.lease();
    await script(remote, 'echo evil > post-checkout; chmod +x post-checkout');
    for (const localPath of refused) {
      for (const what of ['sync-in', 'sync-out']) {
        const { code, detail } = await service.post(id, what, { localPath }, 403);
        expect([localPath, code]).toEqual([localPath, 'local_path_not_allowed']);
        expect(detail).toContain('git folder');
      }
      expect(await contentOf(localPath)).not.toHaveProperty('post-checkout');
    }
  });

  test('the service’s own data folder is none either, nor is one around it', async () => {
    const all = await WorkspaceService.start({ LEASEHOLD_WORKSPACE_ROOTS: '["/"]' });
    try {
      const { id } = await all.lease();
      const { dataDir } = all;
      await mkdir(join(dataDir, 'below'), { recursive: true });
      for (const localPath of [dataDir, join(dataDir, 'below'), join(dataDir, '..')]) {
        for (const what of ['sync-in', 'sync-out']) {
          expect(await all.post(id, what, { localPath }, 403)).toMatchObject({ code: 'local_path_not_allowed' });
        }
      }
    } finally {
      await all.close();
    }
  });
});

test('a folder that a lease’s files come back into is used by no other sync meanwhile, nor is one around or in it', async () => {
  const folder = await service.folder('shared');
  await mkdir(join(folder, 'below'));
  const [one, other] = [await service.lease(), await service.lease()];
  await script(one.folder, 'echo one > one');
  await meanwhile(
    async () => {
      for (const localPath of [folder, join(folder, 'below'), service.roots]) {
        for (const what of ['sync-in', 'sync-out']) {
          expect(await service.post(other.id, what, { localPath }, 409)).toMatchObject({ code: 'sync_in_progress' });
        }
      }
    },
    () => service.post(one.id, 'sync-out', { localPath: folder }),
  );
  await service.post(other.id, 'sync-in', { localPath: folder });
});

/** What there is outside, with all that git keeps. */
async function everything(): Promise<string> {
  return script(outside, 'find . -type f -exec sha256sum {} + -o -printf "%p %l\\n" | sort');
}
