import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { LeaseholdError } from '../../../src/errors/catalogue.js';
import { archiveEntries } from '../../../src/runtime/workspaces/archive-reader.js';
import { tar, type Item } from './archives.js';

const LIMITS = { maxBytes: 1_000_000_000 };

/** The paths of what is taken, and what ends it. */
async function read(bytes: Uint8Array): Promise<{ readonly paths: string[]; readonly refusal: string | null }> {
  const paths: string[] = [];
  try {
    for await (const { path, item } of archiveEntries(Readable.from([bytes]), LIMITS)) {
      paths.push(path);
      if (item.type === 'file') for await (const chunk of item.content) expect(chunk.length).toBeGreaterThan(0);
    }
    return { paths, refusal: null };
  } catch (error) {
    if (!(error instanceof LeaseholdError)) throw error;
    return { paths, refusal: `${error.code}: ${error.message}` };
  }
}

const deep = (depth: number, length: number, end: string): string => {
  const step = Math.floor(length / depth) - 1;
  return `${`${'x'.repeat(step)}/`.repeat(depth)}${end}`;
};

describe('H2: what an archive makes the service keep is bounded', () => {
  test('a path may have 128 names, and not one more', async () => {
    const [most, more] = [`${'a/'.repeat(127)}a`, `${'a/'.repeat(128)}a`];
    expect(await read(await tar({ name: most, pax: { path: most } }))).toEqual({ paths: [most], refusal: null });
    const { refusal } = await read(await tar({ name: more, pax: { path: more } }));
    expect(refusal).toContain('invalid_archive');
    expect(refusal).toContain('too deep');
  });

  test('long deep names are refused before their folders take many times the bytes of the archive', async () => {
    const items = Array.from({ length: 300 }, (_, index): Item => {
      const name = `${String(index)}/${deep(120, 3_900, 'file')}`;
      return { name, pax: { path: name } };
    });
    const { paths, refusal } = await read(await tar(...items));
    expect(refusal).toContain('archive_too_large');
    expect(paths.length).toBeLessThan(50);
  });

  test('many long names are refused by all of their bytes', async () => {
    const folder = deep(16, 3_900, '');
    const items = Array.from({ length: 18_000 }, (_, index): Item => {
      const name = `${folder}${String(index)}`;
      return { name, pax: { path: name } };
    });
    const { refusal } = await read(await tar(...items));
    expect(refusal).toContain('archive_too_large: Its names');
  });

  test('a refusal does not repeat a name of a megabyte', async () => {
    const name = 'x'.repeat(1_000_000);
    const { refusal } = await read(await tar({ name, pax: { path: name } }));
    expect(refusal?.length).toBeLessThan(1_000);
  });
});

describe('F4: a record that is not known is refused, not skipped', () => {
  test.each([
    'GNU.sparse.major',
    'GNU.sparse.name',
    'GNU.sparse.realsize',
    'SCHILY.realsize',
    'SUN.holesdata',
    'VENDOR.x',
  ])('%s', async (record) => {
    const { refusal } = await read(await tar({ name: 'a', text: 'a', pax: { [record]: '1' } }));
    expect(refusal).toContain('invalid_archive');
    expect(refusal).toContain(record);
  });

  test('those that say what does not travel are taken', async () => {
    const pax = {
      comment: 'x',
      'SCHILY.xattr.user.a': 'b',
      'LIBARCHIVE.creationtime': '1',
      'RHT.security.selinux': 's',
    };
    expect(await read(await tar({ name: 'a', text: 'a', pax }))).toEqual({ paths: ['a'], refusal: null });
  });

  test('what GNU tar makes of a sparse file is refused by the file’s own name', async () => {
    const { refusal } = await read(made('truncate -s 5M disk.img; printf end >> disk.img', '-S', '-H', 'pax'));
    expect(refusal).toContain('disk.img" is refused: its extended header has GNU.sparse');
  });

  test('more records than an archive of files has are refused at once', async () => {
    const pax = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`SCHILY.xattr.${String(index)}`, 'x']));
    expect((await read(await tar({ name: 'a', pax }))).refusal).toContain('too many records');
  });
});

describe('G3: formats', () => {
  test.each(['v7', 'oldgnu', 'gnu', 'ustar', 'posix'])('%s is taken', async (format) => {
    const script = 'mkdir f; echo a > f/a; ln -s a f/l';
    const { paths, refusal } = await read(made(script, `--format=${format}`));
    expect(refusal).toBeNull();
    expect(paths.sort()).toEqual(['f', 'f/a', 'f/l']);
  });

  test('what is compressed is refused in these words', async () => {
    const { refusal } = await read(gzipSync(await tar({ name: 'a', text: 'a' })));
    expect(refusal).toBe('invalid_archive: It is compressed (gzip): send the tar archive itself.');
  });

  test('the refusal of a hard link says how to send what it is', async () => {
    const { refusal } = await read(made('echo a > a; ln a b'));
    expect(refusal).toContain('--hard-dereference');
    expect((await read(made('echo a > a; ln a b', '--hard-dereference'))).paths.sort()).toEqual(['a', 'b']);
  });
});

/** An archive of what a script leaves in a folder, by the machine's own tar. */
function made(script: string, ...options: string[]): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-tar-`));
  try {
    execFileSync('sh', ['-euc', script], { cwd: folder });
    return execFileSync('tar', [...options, '-cf', '-', '.'], { cwd: folder, maxBuffer: 100_000_000 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
