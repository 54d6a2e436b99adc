import { chmod, mkdir, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { git } from './workspace-service.js';

export const BINARY = Buffer.from(Array.from({ length: 3_000 }, (_, index) => (index * 7) % 256));

/** A git workspace with a binary file, a symlink, an executable, a deletion, an untracked and an ignored file. */
export async function makeProject(folder: string): Promise<string> {
  await git(folder, 'init', '-q');
  await writeFile(join(folder, '.gitignore'), 'ignored/\n');
  await writeFile(join(folder, 'README.md'), 'one\ntwo\nthree\n');
  await writeFile(join(folder, 'binary'), BINARY);
  await writeFile(join(folder, 'crlf.txt'), 'a\r\nb\r\n');
  await writeFile(join(folder, '.gitattributes'), '*.txt text eol=lf\n');
  await mkdir(join(folder, 'bin'));
  await writeFile(join(folder, 'bin/tool'), '#!/bin/sh\necho tool\n');
  await chmod(join(folder, 'bin/tool'), 0o755);
  await writeFile(join(folder, 'untouched'), 'before\n');
  await writeFile(join(folder, 'gone'), 'deleted before it goes out\n');
  await writeFile(join(folder, 'removed'), 'deleted by the run\n');
  await symlink('bin/tool', join(folder, 'link'));
  await git(folder, 'add', '-A');
  await git(folder, 'commit', '-qm', 'first');
  await git(folder, 'commit', '-qm', 'second', '--allow-empty');
  await unlink(join(folder, 'gone'));
  await writeFile(join(folder, 'untracked name\nwith a newline'), 'untracked\n');
  await mkdir(join(folder, 'ignored'));
  await writeFile(join(folder, 'ignored/cache'), 'not for others\n');
  return folder;
}

/** What a run does to it. */
export const RUN = `
printf 'one\\ntwo\\nthree\\nfour\\n' > README.md
printf '\\000\\001\\377' >> binary
chmod -x bin/tool
printf 'made\\n' > made && chmod 755 made
rm removed link && ln -s made link
mkdir -p deep/er && printf 'x' > deep/er/file
mkdir -p ignored && printf 'the run’s cache\\n' > ignored/run
`;
