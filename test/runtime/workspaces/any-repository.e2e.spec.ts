import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { turns } from '../../support/soak.js';
import { script, WorkspaceService } from './workspace-service.js';

let service: WorkspaceService;
beforeAll(async () => {
  service = await WorkspaceService.start();
});
afterAll(() => service?.close());

const NAMES = [
  'a.txt',
  'b.txt',
  'c.rot',
  'd.id',
  'in/e.txt',
  'in/f.bin',
  'out/g.txt',
  'with space',
  'new\\nline',
  'caf\\351',
  '\\303\\274',
];
const CONTENTS = ['', 'a\\nb\\n', 'a\\r\\nb\\r\\n', 'a\\nb\\r\\n', '\\000\\001\\r\\n', '$Id$\\n'];
const RULES = [
  '*.txt text',
  '*.txt text=auto',
  '*.txt eol=crlf',
  '*.txt eol=lf',
  '* text=auto',
  '*.bin -text',
  '*.id ident',
  '*.rot filter=rot',
];
const SETTINGS = [
  'core.autocrlf true',
  'core.autocrlf input',
  'core.eol crlf',
  'core.fileMode false',
  'core.ignoreCase true',
];
/** What somebody does to a file after the commit. */
const DEEDS = [
  'printf changed > "$f"',
  'rm -f "$f"',
  'chmod +x "$f"',
  'git update-index --skip-worktree "$f"',
  'git update-index --assume-unchanged "$f"',
  'git rm -qf --cached "$f"',
  'touch "$f"',
];

const repositories = fc.record({
  files: fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom(...CONTENTS), { minKeys: 1, noNullPrototype: true }),
  rules: fc.uniqueArray(fc.constantFrom(...RULES), { maxLength: 3 }),
  rulesFirst: fc.boolean(),
  settings: fc.uniqueArray(fc.constantFrom(...SETTINGS), { maxLength: 2 }),
  sparse: fc.boolean(),
  deeds: fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...DEEDS)), { maxLength: 2 }),
});

/** A new file outside of a sparse checkout. */
const NEW_OUTSIDE: Wanted = {
  ...{ files: { 'a.txt': '' }, rules: [], rulesFirst: false, settings: [], sparse: true },
  deeds: [['out/g.txt', 'printf changed > "$f"']],
};

type Wanted = typeof repositories extends fc.Arbitrary<infer Value> ? Value : never;

function setUp({ files, rules, rulesFirst, settings, sparse, deeds }: Wanted): string {
  const attributes = `printf '%s\\n' '# none' ${rules.map((rule) => `'${rule}'`).join(' ')} > .gitattributes`;
  const commit = 'git add -A 2>/dev/null; git commit -q --allow-empty -m commit';
  const lines = Object.entries(files).map(([name, content]) => `f="$(printf '${name}')"; printf '${content}' > "$f"`);
  return [
    'git init -qb main; mkdir in out; git config filter.rot.clean "tr a-z n-za-m"; git config filter.rot.smudge "tr a-z n-za-m"',
    ...settings.map((setting) => `git config ${setting}`),
    ...(rulesFirst ? [attributes, ...lines, commit] : [...lines, commit, attributes, commit]),
    ...(sparse ? ['git sparse-checkout set --cone in 2>/dev/null || true'] : []),
    ...deeds.map(([name, deed]) => `f="$(printf '${name}')"; { ${deed}; } 2>/dev/null || true`),
  ].join('\n');
}

/** Paths that git takes for changed, new or deleted. */
async function seen(folder: string): Promise<string[]> {
  const lines = await script(folder, 'git status -z --porcelain --no-renames --untracked-files=all');
  return lines
    .split('\0')
    .slice(0, -1)
    .map((line) => line.slice(3));
}

test('F3: whatever a repository is, git in a lease sees no change that is none here, and a run’s commit has only what was changed', async () => {
  const { id, folder: remote } = await service.lease();
  await fc.assert(
    fc.asyncProperty(repositories, async (wanted) => {
      const folder = await mkdtemp(join(service.roots, 'any-'));
      await script(folder, setUp(wanted));
      const here = await seen(folder);
      await service.post(id, 'sync-in', { localPath: folder });
      expect(here).toEqual(expect.arrayContaining(await seen(remote)));
      await writeFile(join(remote, 'run'), 'run\n');
      // As at home, git adds what it may and says 1 where a new file is outside of the sparse checkout.
      await script(remote, 'git add -A 2>/dev/null || true; git commit -qm run');
      const committed = await script(remote, 'git diff -z --name-only --no-renames HEAD^ HEAD');
      expect(['run', ...here]).toEqual(expect.arrayContaining(committed.split('\0').slice(0, -1)));
      await rm(folder, { recursive: true });
    }),
    { ...turns(3, 150), examples: [[NEW_OUTSIDE]] },
  );
});
