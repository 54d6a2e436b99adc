import { cp, mkdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BINARY, makeProject, RUN } from './git-project.js';
import { contentOf, git, script, WorkspaceService } from './workspace-service.js';

let service: WorkspaceService;
let original: string;
beforeAll(async () => {
  service = await WorkspaceService.start();
  original = await makeProject(await service.folder('original'));
});
afterAll(() => service?.close());

async function project(): Promise<string> {
  const folder = await service.folder('project');
  await cp(original, folder, { recursive: true, verbatimSymlinks: true });
  return folder;
}

describe('a git workspace', () => {
  test('goes out, is changed by a command, and comes back; local edits made meanwhile survive', async () => {
    const folder = await project();
    const before = await contentOf(folder);
    const { id, folder: remote } = await service.lease();
    const sent = await service.post(id, 'sync-in', { localPath: folder });
    expect(sent['summary']).toMatchObject({
      strategy: 'git',
      branch: 'main',
      head: await git(folder, 'rev-parse', 'HEAD'),
    });
    expect(sent['leftOut']).toEqual([]);

    const { 'ignored/': _folder, 'ignored/cache': _cache, ...travelled } = before;
    expect(await contentOf(remote)).toEqual(travelled);
    expect(await git(remote, 'log', '--format=%s')).toBe('second\nfirst');
    expect(await git(remote, 'branch', '--show-current')).toBe('main');
    expect(await git(remote, 'status', '--porcelain')).toBe(await git(folder, 'status', '--porcelain'));

    await script(remote, RUN);
    await writeFile(join(folder, 'untouched'), 'edited here meanwhile\n');
    await writeFile(join(folder, 'new here'), 'mine\n');

    const back = await service.post(id, 'sync-out', { localPath: folder });
    expect(back).toMatchObject({ conflicts: [], leftOut: [], commits: null });
    expect(back['summary']).toMatchObject({ added: 2, changed: 4, deleted: 1, conflicts: 0 });
    const { removed: _removed, ...rest } = before;
    expect(await contentOf(folder)).toEqual({
      ...rest,
      'README.md': '644 one\ntwo\nthree\nfour\n',
      binary: `644 ${BINARY.toString('latin1')}\0\x01\xff`,
      'bin/tool': '644 #!/bin/sh\necho tool\n',
      'deep/': '',
      'deep/er/': '',
      'deep/er/file': '644 x',
      link: '-> made',
      made: '755 made\n',
      'new here': '644 mine\n',
      untouched: '644 edited here meanwhile\n',
    });
    const lease = await service.service.api.lease(id);
    expect(lease.status).toBe('active');
  });

  test('a true conflict is reported, not overwritten, and the next sync still knows of it', async () => {
    const folder = await project();
    const { id, folder: remote } = await service.lease();
    await service.post(id, 'sync-in', { localPath: folder });
    await script(remote, 'echo run > README.md; echo run > both; rm untouched; echo run >> binary; echo run > taken');
    await writeFile(join(folder, 'README.md'), 'mine\n');
    await writeFile(join(folder, 'both'), 'mine\n');
    await writeFile(join(folder, 'untouched'), 'mine\n');
    await unlink(join(folder, 'binary'));
    const conflicts = [
      { path: 'untouched', kind: 'changed_here_deleted_by_run' },
      { path: 'README.md', kind: 'changed_on_both_sides' },
      { path: 'binary', kind: 'deleted_here_changed_by_run' },
      { path: 'both', kind: 'added_on_both_sides' },
    ];

    const first = await service.post(id, 'sync-out', { localPath: folder });
    expect(first['conflicts']).toEqual(conflicts);
    expect(first['summary']).toMatchObject({ added: 1, changed: 0, deleted: 0, conflicts: 4 });
    const content = await contentOf(folder);
    expect(content).toMatchObject({
      'README.md': '644 mine\n',
      both: '644 mine\n',
      untouched: '644 mine\n',
      taken: '644 run\n',
    });
    expect(content).not.toHaveProperty('binary');

    // What came back and was edited since is no conflict: the run has not touched it again.
    await writeFile(join(folder, 'taken'), 'edited after it came back\n');
    const second = await service.post(id, 'sync-out', { localPath: folder });
    expect(second['conflicts']).toEqual(conflicts);
    expect(await contentOf(folder)).toEqual({ ...content, taken: '644 edited after it came back\n' });
  });

  test('commits of the run come back; the branch moves, but not where it has moved here or there are conflicts', async () => {
    const folder = await project();
    const { id, folder: remote } = await service.lease();
    await service.post(id, 'sync-in', { localPath: folder });
    await script(remote, 'echo more >> README.md; git add -A; git commit -qm "by the run"; echo loose > loose');
    const made = await git(remote, 'rev-parse', 'HEAD');

    const { commits } = await service.post(id, 'sync-out', { localPath: folder });
    const ref = `refs/leasehold/${id}`;
    expect(commits).toEqual({ outcome: 'fast_forwarded', commit: made, ref, reason: null });
    expect(await git(folder, 'rev-parse', 'HEAD', 'main', ref)).toBe(`${made}\n${made}\n${made}`);
    expect(await git(folder, 'log', '--format=%s')).toBe('by the run\nsecond\nfirst');
    expect(await git(folder, 'status', '--porcelain')).toBe('?? loose');
    expect(await git(folder, 'fsck', '--no-dangling')).toBe('');

    await script(remote, 'git add -A; git commit -qm "and again"');
    const again = await service.post(id, 'sync-out', { localPath: folder });
    expect(again['commits']).toMatchObject({
      outcome: 'fast_forwarded',
      commit: await git(remote, 'rev-parse', 'HEAD'),
    });
    expect(await git(folder, 'status', '--porcelain')).toBe('');

    await script(remote, 'echo most >> README.md; git commit -qam "by the run"');
    const kept = await git(remote, 'rev-parse', 'HEAD');
    await git(folder, 'commit', '-qm', 'mine', '--allow-empty');
    const mine = await git(folder, 'rev-parse', 'HEAD');
    const moved = await service.post(id, 'sync-out', { localPath: folder });
    expect(moved['commits']).toEqual({ outcome: 'kept', commit: kept, ref, reason: 'head_moved' });
    expect(await git(folder, 'rev-parse', 'HEAD', ref)).toBe(`${mine}\n${kept}`);
    expect(await readFile(join(folder, 'README.md'), 'utf8')).toContain('most');

    await script(remote, 'echo theirs > untouched');
    await writeFile(join(folder, 'untouched'), 'mine\n');
    const conflict = await service.post(id, 'sync-out', { localPath: folder });
    expect(conflict['commits']).toMatchObject({ outcome: 'kept', reason: 'conflicts' });
  });

  test('what git ignores travels when it is asked for', async () => {
    const folder = await project();
    const { id, folder: remote } = await service.lease();
    await service.post(id, 'sync-in', { localPath: folder, includeIgnored: true });
    expect(await contentOf(remote)).toEqual(await contentOf(folder));
    await script(remote, 'echo run > ignored/run');
    await service.post(id, 'sync-out', { localPath: folder });
    expect(await contentOf(folder)).toMatchObject({ 'ignored/run': '644 run\n' });
  });

  test('a worktree, a repository without commits and a shallow clone travel too', async () => {
    const origin = await project();
    const worktree = join(service.roots, 'worktree');
    await git(origin, 'worktree', 'add', '-q', '-b', 'side', worktree);
    const empty = await service.folder('empty');
    await git(empty, 'init', '-q');
    await writeFile(join(empty, 'a'), 'a\n');
    const shallow = join(service.roots, 'shallow');
    await git(service.roots, 'clone', '-q', '--depth', '1', `file://${origin}`, shallow);

    for (const [folder, branch, subjects] of [
      [worktree, 'side', 'second\nfirst'],
      [empty, 'main', null],
      [shallow, 'main', 'second'],
    ] as const) {
      const { id, folder: remote } = await service.lease();
      await service.post(id, 'sync-in', { localPath: folder });
      expect(await git(remote, 'branch', '--show-current')).toBe(branch);
      if (subjects !== null) expect(await git(remote, 'log', '--format=%s')).toBe(subjects);
      expect(await contentOf(remote)).toEqual(await contentOf(folder));
      await script(remote, 'git add -A; git commit -q --allow-empty -m run; echo new > new');
      const { commits } = await service.post(id, 'sync-out', { localPath: folder });
      expect(commits).toMatchObject({ outcome: subjects === null ? 'kept' : 'fast_forwarded' });
      expect(await contentOf(folder)).toMatchObject({ new: '644 new\n' });
    }
  });

  test('nothing of the repository’s own configuration is run, and nothing of the run’s', async () => {
    const folder = await project();
    const witness = join(service.home, 'was-run');
    const evil = `touch ${witness}`;
    for (const [key, value] of [
      ['core.fsmonitor', evil],
      ['core.sshCommand', evil],
      ['filter.evil.clean', evil],
      ['filter.evil.smudge', evil],
      ['core.hooksPath', join(folder, 'hooks')],
      ['uploadpack.packObjectsHook', evil],
    ] as const) {
      await git(folder, 'config', key, value);
    }
    await mkdir(join(folder, 'hooks'));
    for (const hook of ['reference-transaction', 'post-index-change', 'post-checkout', 'post-merge']) {
      await writeFile(join(folder, 'hooks', hook), `#!/bin/sh\n${evil}\n`, { mode: 0o755 });
    }
    await writeFile(join(folder, '.gitattributes'), '* filter=evil\n');
    await rm(witness, { force: true });
    const { id, folder: remote } = await service.lease();
    await service.post(id, 'sync-in', { localPath: folder });
    await script(
      remote,
      'echo more >> README.md; git commit -qam run; mkdir -p .git/hooks; echo evil > .git/hooks/pre-commit',
    );
    const { commits } = await service.post(id, 'sync-out', { localPath: folder });
    expect(commits).toMatchObject({ outcome: 'kept', reason: 'left_out_path' });
    await expect(readFile(witness)).rejects.toThrow('ENOENT');
    await expect(readFile(join(folder, '.git/hooks/pre-commit'))).rejects.toThrow('ENOENT');
  });
});
