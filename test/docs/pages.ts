import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

/** A Markdown file that is for readers; `path` is from the repository's root. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

const FOLDERS = ['docs', 'src', '.github'];

/** Every page of the repository. */
export async function pages(): Promise<Page[]> {
  const inFolders = await Promise.all(
    FOLDERS.map((folder) => readdir(join(ROOT, folder), { recursive: true, withFileTypes: true })),
  );
  const atRoot = await readdir(ROOT, { withFileTypes: true });
  return [...atRoot, ...inFolders.flat()]
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

/** Records of what was decided: they say what held then, and are not rewritten. */
export function isDecision({ path }: Page): boolean {
  return /^docs\/decisions\/\d/.test(path);
}

export interface CodeBlock {
  readonly language: string;
  readonly lines: readonly string[];
}

/** The fenced blocks, in their order. */
export function codeBlocks(text: string): CodeBlock[] {
  return [...text.matchAll(/^```([^\n]*)\n([^]*?)^```$/gm)].map(([, language = '', body = '']) => ({
    language: language.trim(),
    lines: body.split('\n').slice(0, -1),
  }));
}

/** What is left for readers of prose: no fenced blocks, no code in lines, no comments. */
export function prose(text: string): string {
  return text
    .replaceAll(/^```[^\n]*\n[^]*?^```$/gm, '')
    .replaceAll(/<!--[^]*?-->/g, '')
    .replaceAll(/`[^`\n]*`/g, '`code`');
}

/** Where a link may lead within a page: its headings as GitHub names them, and its own anchors. */
export function anchorsOf(text: string): Set<string> {
  const slugs = new Map<string, number>();
  const headings = [...withoutBlocks(text).matchAll(/^#{1,6} +(.*)$/gm)].map(([, heading = '']) => {
    const slug = slugOf(heading);
    const times = slugs.get(slug) ?? 0;
    slugs.set(slug, times + 1);
    return times === 0 ? slug : `${slug}-${times}`;
  });
  return new Set([...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)]);
}

function slugOf(heading: string): string {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
    .replaceAll(' ', '-');
}

function withoutBlocks(text: string): string {
  return text.replaceAll(/^```[^\n]*\n[^]*?^```$/gm, '');
}
