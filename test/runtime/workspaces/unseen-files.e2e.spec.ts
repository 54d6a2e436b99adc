import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { git, script, WorkspaceService } from './workspace-service.js';

let service: WorkspaceService;
beforeAll(async () => {
  service = await WorkspaceService.start();
});
afterAll(() => service?.close());

const FIRST = 'git add -A && git commit -qm first';
/** Git looks at contents where a file is as young as its index: here it would, there not. */
const OLD = 'find . -path ./.git -prune -o -type f -exec touch -d 2020-01-01 {} + && git update-index -q --refresh';
const ROT13 = `git config filter.rot.clean "tr a-z n-za-m" && git config filter.rot.smudge "tr a-z n-za-m"
  echo "*.rot filter=rot" > .gitattributes`;

/** A repository that is clean, and which of its files git in a lease cannot see as git does here, by default. */
const CASES: readonly (readonly [what: string, setUp: string, touch: string])[] = [
  [
    'a sparse checkout',
    `mkdir a b; echo 1 > a/f; echo 2 > b/g; ${FIRST}; git sparse-checkout init --cone; git sparse-checkout set a`,
    'git sparse-checkout disable 2>/dev/null; git update-index --no-skip-worktree b/g; mkdir -p b; echo x > b/g; git add b/g',
  ],
  [
    'a sparse checkout without cone, of which .gitattributes is no part',
    `printf '*.txt text\\n' > .gitattributes; printf 'a\\r\\n' > a.txt; echo b > b; ${FIRST}
     git sparse-checkout set --no-cone '/*' '!/.gitattributes'; git update-index -q --refresh`,
    'git update-index --force-remove .gitattributes',
  ],
  [
    'a sparse index',
    `mkdir a b; echo 1 > a/f; echo 2 > b/g; ${FIRST}; git sparse-checkout set --sparse-index --cone a`,
    'git update-index --force-remove b/g',
  ],
  [
    'a submodule',
    `git init -qb main ../sub.$$; git -C ../sub.$$ commit -q --allow-empty -m sub; echo f > f
     git -c protocol.file.allow=always submodule --quiet add ../sub.$$ sub; ${FIRST}; rm -rf ../sub.$$`,
    'git update-index --cacheinfo "160000,$(git rev-parse HEAD),sub"',
  ],
  [
    'a submodule that is not checked out',
    `git update-index --add --cacheinfo "160000,1111111111111111111111111111111111111111,deep/sub"; mkdir -p deep/sub; echo f > f
     git add f; git commit -qm first`,
    'git rm -q --cached deep/sub',
  ],
  [
    'a name that is not UTF-8',
    `echo x > "$(printf 'caf\\351')"; echo f > f; ${FIRST}`,
    `n="$(printf 'caf\\351')"; git update-index --no-skip-worktree "$n"; echo y > "$n"; git add "$n"`,
  ],
  [
    'a name that no archive may have',
    `git config core.protectNTFS false; mkdir .leasehold; echo x > .leasehold/x; ${FIRST}`,
    'git update-index --force-remove .leasehold/x',
  ],
  ['a filter', `${ROT13}; echo hello > f.rot; echo f > f; ${FIRST}; ${OLD}`, 'echo more > new.rot; git add new.rot'],
  [
    'a filter, as young as the index',
    `${ROT13}; echo hello > f.rot; ${FIRST}`,
    'git update-index --no-skip-worktree f.rot; echo other > f.rot; git add f.rot',
  ],
  [
    'a filter that the run does away with',
    `${ROT13}; echo hello > f.rot; ${FIRST}`,
    'git update-index --no-skip-worktree f.rot; rm .gitattributes; git add -A',
  ],
  [
    'skip-worktree',
    `echo 1 > mine; echo f > f; ${FIRST}; echo local > mine; git update-index --skip-worktree mine`,
    'git update-index --no-skip-worktree mine; git add mine',
  ],
  [
    'assume-unchanged',
    `echo 1 > mine; echo f > f; ${FIRST}; echo local > mine; git update-index --assume-unchanged mine`,
    'git update-index --no-assume-unchanged mine; git add mine',
  ],
  [
    'assume-unchanged of what is not there',
    `echo 1 > mine; echo f > f; ${FIRST}; rm mine; git update-index --assume-unchanged mine`,
    'git update-index --force-remove mine',
  ],
];

/** The same of settings and attributes: git there has to see the same, and a commit may touch all of it. */
const SAME_EYES: readonly (readonly [what: string, setUp: string])[] = [
  [
    'core.autocrlf, core.fileMode and core.symlinks',
    `git config core.autocrlf true; printf 'a\\r\\nb\\r\\n' > f.txt; ln -s target link; echo f > f; ${FIRST} 2>/dev/null
     git config core.fileMode false; chmod +x f; git config core.symlinks false; rm link; printf target > link
     git update-index -q --refresh`,
  ],
  [
    'settings of a worktree alone',
    `git config extensions.worktreeConfig true; git config --worktree core.autocrlf true
     printf 'a\\r\\n' > f; ${FIRST} 2>/dev/null`,
  ],
  [
    'attributes and rules, of which git ignores some',
    `mkdir -p .git/info made; echo '*.crlf text eol=crlf' > .git/info/attributes; printf 'a\\r\\n' > f.crlf
     echo '*.log' > .git/info/exclude; echo log > a.log
     printf '%s\\n' .gitattributes > .gitignore; echo '*' > made/.gitignore; echo made > made/it
     printf '%s\\n' '*.txt text eol=crlf' '*.c ident' '*.u working-tree-encoding=UTF-16LE-BOM' '*.big filter=lfs' > .gitattributes
     printf 'a\\r\\n' > f.txt; printf '\\377\\376a\\0\\n\\0' > f.u; echo 'version https://git-lfs' > a.big
     echo x > "$(printf 'a "b\\n\\\\c')"; echo '$Id$' > f.c; ${FIRST} 2>/dev/null; rm f.c; git checkout -q f.c; grep -q 'Id: ' f.c`,
  ],
  [
    'line ends that were never made those of the attributes',
    `printf 'a\\r\\nb\\r\\n' > f.txt; ${FIRST}; ${OLD}; echo '*.txt text eol=lf' > .gitattributes; ${FIRST}`,
  ],
];

async function repository(setUp: string): Promise<string> {
  const folder = await service.folder('unseen');
  await script(folder, `git init -qb main\n${setUp}`);
  expect(await git(folder, 'status', '--porcelain')).toBe('');
  return folder;
}

async function runsCommit(folder: string): Promise<{ readonly id: string; readonly remote: string }> {
  const { id, folder: remote } = await service.lease();
  await service.post(id, 'sync-in', { localPath: folder });
  expect(await git(remote, 'status', '--porcelain')).toBe('');
  await script(remote, 'echo new > new; git add -A; git commit -qm run');
  expect(await git(remote, 'diff', '--name-status', 'HEAD^', 'HEAD')).toBe('A\tnew');
  const { commits, conflicts } = await service.post(id, 'sync-out', { localPath: folder });
  expect({ conflicts, commits }).toMatchObject({ conflicts: [], commits: { outcome: 'fast_forwarded' } });
  expect(await git(folder, 'log', '-1', '--format=%s')).toBe('run');
  expect(await git(folder, 'status', '--porcelain')).toBe('');
  return { id, remote };
}

describe('F3: git sees in a lease what it sees here, and a run’s commit has what the run did', () => {
  test.each(SAME_EYES)('%s', async (_what, setUp) => {
    const folder = await repository(setUp);
    const { id, remote } = await runsCommit(folder);
    await service.post(id, 'sync-in', { localPath: folder, includeIgnored: true });
    expect(await git(remote, 'status', '--porcelain')).toBe('');
  });

  test.each(CASES)('%s; the branch does not move to a commit that changes it', async (_what, setUp, touch) => {
    const folder = await repository(setUp);
    const { id, remote } = await runsCommit(folder);
    const before = await git(folder, 'rev-parse', 'HEAD');
    await script(remote, `${touch}; git commit -qm run`);
    const { commits } = await service.post(id, 'sync-out', { localPath: folder });
    expect(commits).toMatchObject({ outcome: 'kept', reason: 'left_out_path' });
    expect(await git(folder, 'rev-parse', 'HEAD')).toBe(before);
  });
});

test('F3: what a run changes in a file with a filter comes back, and the caller is told that git there does not see it', async () => {
  const folder = await repository(`${ROT13}; echo hello > f.rot; ${FIRST}`);
  const { id, folder: remote } = await service.lease();
  const { leftOut } = await service.post(id, 'sync-in', { localPath: folder });
  expect(leftOut).toEqual([{ path: 'f.rot', why: expect.stringContaining('filter') }]);
  await script(remote, 'echo changed > f.rot; git add -A; git commit -qm run --allow-empty');
  await service.post(id, 'sync-out', { localPath: folder });
  expect(await readFile(join(folder, 'f.rot'), 'utf8')).toBe('changed\n');
  expect(await git(folder, 'status', '--porcelain')).toBe('M f.rot');
});

test('F3: what is changed or deleted here looks so in a lease, also where git does not see all', async () => {
  const folder = await service.folder('unseen');
  await script(
    folder,
    `git init -qb main; mkdir a b; for f in a/changed a/gone b/sparse "$(printf 'caf\\351')"; do echo 1 > "$f"; done
     ${FIRST}; git sparse-checkout set --cone a; echo 2 > a/changed; rm a/gone; echo 2 > "$(printf 'caf\\351')"; echo new > a/new`,
  );
  const { id, folder: remote } = await service.lease();
  await service.post(id, 'sync-in', { localPath: folder });
  expect(await git(remote, 'status', '--porcelain')).toBe('M a/changed\n D a/gone\n?? a/new');
});
