import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { git, script, WorkspaceService } from './workspace-service.js';

let service: WorkspaceService;
beforeAll(async () => {
  service = await WorkspaceService.start();
});
afterAll(() => service?.close());

/** As a run has it: nobody says by the environment who commits. */
async function inLease(folder: string, command: string): Promise<string> {
  const whose = 'unset GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL';
  return (await script(folder, `${whose}; ${command}`)).trim();
}

async function withCommit(): Promise<string> {
  const folder = await service.folder('project');
  await script(folder, 'git init -qb main; echo f > f; git add f; git commit -qm first');
  return folder;
}

test('G2: identity, remotes, tags, branches and what is followed are there; nothing that is secret is', async () => {
  const folder = await withCommit();
  await script(
    folder,
    `git config user.name 'Ünï "Q" \\Run'; git config user.email run@example.org
     git config remote.origin.url https://me:hunter2@example.org/a.git?token=hunter2; git config remote.origin.pushurl git@example.org:a.git
     git config remote.origin.fetch '+refs/heads/*:refs/remotes/origin/*'; git config remote.evil.url 'ext::sh -c "echo hunter2"'
     git config branch.topic.remote origin; git config branch.topic.merge refs/heads/main
     git config http.extraHeader 'Authorization: hunter2'; git config credential.helper '!echo hunter2'
     git config url.https://hunter2@example.org/.insteadOf x:; git config branch.main.remote https://me:hunter2@example.org/b.git
     git tag -am v1 v1.0; git commit -q --allow-empty -m second; git branch feature; git pack-refs --all
     git checkout -qb there; echo there > there; git add there; git commit -qm there; git update-ref refs/remotes/origin/main HEAD
     git symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/main
     git checkout -qb topic main; git branch -qD there; git commit -q --allow-empty -m topic`,
  );
  const { id, folder: remote } = await service.lease();
  expect(await service.post(id, 'sync-in', { localPath: folder })).toMatchObject({ leftOut: [] });
  for (const asked of [
    'describe',
    'diff --name-status origin/main',
    'log --format=%s main..',
    'status -sb',
    'for-each-ref refs/heads refs/tags',
  ]) {
    expect(await inLease(remote, `git ${asked}`)).toBe(await inLease(folder, `git ${asked}`));
  }
  expect(await inLease(remote, 'git log -1 --format=%s origin')).toBe('there');
  expect(await inLease(remote, 'git remote -v')).toBe(
    'origin\thttps://example.org/a.git (fetch)\norigin\tgit@example.org:a.git (push)',
  );
  await inLease(remote, 'git commit -q --allow-empty -m run');
  expect(await inLease(remote, 'git log -1 --format="%an %ae %cn %ce"')).toBe(
    'Ünï "Q" \\Run run@example.org Ünï "Q" \\Run run@example.org',
  );
  expect(await inLease(remote, 'grep -rla hunter2 .git .leasehold || true')).toBe('');
  // None of it comes back.
  const refs = await git(folder, 'for-each-ref');
  expect(await service.post(id, 'sync-out', { localPath: folder })).toMatchObject({
    commits: { outcome: 'fast_forwarded' },
  });
  expect((await git(folder, 'for-each-ref')).split('\n')).toHaveLength(refs.split('\n').length + 1);
});

test('G2: a run can commit where nobody has an identity, also first', async () => {
  const empty = await service.folder('empty');
  await git(empty, 'init', '-q');
  for (const folder of [await withCommit(), empty]) {
    const { id, folder: remote } = await service.lease();
    await service.post(id, 'sync-in', { localPath: folder });
    await inLease(remote, 'git commit -q --allow-empty -m run');
    expect(await inLease(remote, 'git log -1 --format="%an %ae"')).toBe('Leasehold lease@leasehold.invalid');
  }
});

test('G2: of more branches than are bearable go those that others are compared with, and the newest; the caller is told', async () => {
  const folder = await withCommit();
  await script(
    folder,
    `git commit -q --allow-empty -m second; git tag old HEAD^
     for n in $(seq 1100); do echo "create refs/heads/b/$n HEAD^"; done | git update-ref --stdin; git pack-refs --all
     GIT_COMMITTER_DATE='2099-01-01T00:00:00Z' git commit-tree -m new -p HEAD 'HEAD^{tree}' | xargs git update-ref refs/heads/new
     git checkout -qb topic`,
  );
  const { id, folder: remote } = await service.lease();
  const { leftOut } = await service.post(id, 'sync-in', { localPath: folder });
  expect(leftOut).toEqual([{ path: '.git/refs', why: expect.stringMatching(/^104 /) }]);
  expect(await inLease(remote, 'git rev-parse new main')).toBe(await git(folder, 'rev-parse', 'new', 'main'));
  expect(await inLease(remote, 'git for-each-ref refs/heads refs/tags | wc -l')).toBe('1000');
});

test('G2: what is in progress here stays here, and the caller is told', async () => {
  const folder = await withCommit();
  await script(
    folder,
    `git checkout -qb other; echo other > f; git commit -qam other; git checkout -q main; echo main > f; git commit -qam main
     git merge other >/dev/null || true`,
  );
  const { id } = await service.lease();
  const merging = await service.post(id, 'sync-in', { localPath: folder });
  expect(merging['leftOut']).toEqual([{ path: '.git/MERGE_HEAD', why: expect.stringContaining('merge') }]);
  await script(folder, 'git merge --abort; git rebase other >/dev/null 2>&1 || true');
  const rebasing = await service.post(id, 'sync-in', { localPath: folder });
  expect(rebasing['leftOut']).toEqual([
    { path: '.git/rebase-merge/head-name', why: expect.stringContaining('rebase') },
  ]);
});

test('G2: a ref that leads nowhere is no reason to fail', async () => {
  const folder = await withCommit();
  await git(folder, 'branch', 'other');
  await writeFile(join(folder, '.git/refs/heads/broken'), `${'1'.repeat(40)}\n`);
  await writeFile(join(folder, '.git/refs/heads/no ref'), 'nothing\n');
  const { id, folder: remote } = await service.lease();
  await service.post(id, 'sync-in', { localPath: folder });
  expect(await inLease(remote, 'git log -1 --format=%s')).toBe('first');
  expect(await inLease(remote, 'git for-each-ref --format="%(refname:short)" refs/heads')).toBe('main\nother');
});
