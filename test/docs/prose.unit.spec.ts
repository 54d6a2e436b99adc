import { existsSync, readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { anchorsOf, codeBlocks, isDecision, pages, prose, ROOT } from './pages.js';

const all = await pages();
const written = all.filter((page) => !isDecision(page));

test('there are pages', () => {
  expect(all.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/README.md', 'src/domain/README.md']),
  );
});

test.each(all)('every link in $path leads somewhere', ({ path, text }) => {
  const links = [...prose(text).matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  const broken = links.filter((target) => {
    if (/^(https?:|mailto:)/.test(target)) return false;
    const [to = '', anchor] = target.split('#');
    const file = to === '' ? join(ROOT, path) : join(ROOT, dirname(path), to);
    if (!existsSync(file)) return true;
    if (anchor === undefined) return false;
    return !statSync(file).isFile() || !anchorsOf(readFileSync(file, 'utf8')).has(anchor);
  });
  expect(broken).toEqual([]);
});

test('every page of docs can be reached from the README', () => {
  const byPath = new Map(all.map((page) => [page.path, page]));
  const reached = new Set<string>(['README.md']);
  for (const path of reached) {
    const links = prose(byPath.get(path)?.text ?? '').matchAll(/\]\(([^)#\s]+)/g);
    for (const [, to = ''] of links) {
      const target = join(dirname(path), to);
      if (byPath.has(target)) reached.add(target);
    }
  }
  expect(all.map(({ path }) => path).filter((path) => path.startsWith('docs/') && !reached.has(path))).toEqual([]);
});

test('the index of decisions has every decision', async () => {
  const records = (await readdir(join(ROOT, 'docs', 'decisions'))).filter((name) => /^\d/.test(name));
  const index = readFileSync(join(ROOT, 'docs', 'decisions', 'README.md'), 'utf8');
  expect(records.filter((name) => !index.includes(`](${name})`))).toEqual([]);
});

test.each(written)('$path names files that are there', async ({ text }) => {
  const named = [
    ...text.matchAll(/`([\w/][\w./-]*\.(?:ts|mjs|sh|pl)|(?:src|test|scripts|docs|migrations|bench)\/[\w./-]*)`/g),
  ];
  const files = await sources();
  // `test/e2e/start` is what the test runner takes too.
  const isThere = (path: string): boolean =>
    existsSync(join(ROOT, path)) || files.some((file) => file.endsWith(`/${path}`) || file.startsWith(`${path}.`));
  expect(named.map(([, path = '']) => path).filter((path) => !isThere(path))).toEqual([]);
});

async function sources(): Promise<string[]> {
  const folders = ['src', 'test', 'scripts'];
  const found = await Promise.all(folders.map((folder) => readdir(join(ROOT, folder), { recursive: true })));
  return found.flatMap((names, index) => names.map((name) => `${folders[index] ?? ''}/${name}`));
}

test.each(written)('$path has one full stop after a sentence', ({ text }) => {
  expect(prose(text).match(/[^.\n]*\.[”"')\]]?\.(?!\.)(?=\s|$)/gm) ?? []).toEqual([]);
});

test.each(written)('$path says of each block of code which language it is', ({ text }) => {
  const unnamed = codeBlocks(text).filter(({ language }) => language === '');
  expect(unnamed.map(({ lines }) => lines[0])).toEqual([]);
});

test.each(written)('$path refers to no document that is not in the repository', ({ text }) => {
  expect(prose(text).match(/\b(SEED|DESIGN|STACK|CLIENT\.md|CONSOLE\.md|OPERATIONS\.md|the seed)\b/g) ?? []).toEqual(
    [],
  );
});
