import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LeaseholdError } from '../../../src/errors/catalogue.js';
import { archiveEntries } from '../../../src/runtime/workspaces/archive-reader.js';
import { tar, type Item } from './archives.js';

const name = fc
  .array(fc.constantFrom('a', 'b', '..', '.', '', '.git', 'x'.repeat(120)), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/') || '/');

const item: fc.Arbitrary<Item> = fc.record({
  name,
  type: fc.constantFrom('file' as const, 'symlink' as const, 'directory' as const, 'link' as const),
  linkname: name,
});

const withText = (one: Item): Item => (one.type === 'file' ? { ...one, text: 'x'.repeat(700) } : one);

/** What a reader takes of an archive; the code of what ends it. */
async function taken(
  bytes: Uint8Array,
): Promise<{ readonly taken: [string, string][]; readonly ended: string | null }> {
  const entries: [string, string][] = [];
  try {
    const chunks = Array.from({ length: Math.ceil(bytes.length / 1_000) }, (_, index) =>
      bytes.subarray(index * 1_000, (index + 1) * 1_000),
    );
    for await (const { path, item: what } of archiveEntries(Readable.from(chunks), { maxBytes: 1_000_000 })) {
      entries.push([path, what.type]);
      if (what.type === 'file') for await (const chunk of what.content) expect(chunk.length).toBeGreaterThan(0);
    }
    return { taken: entries, ended: null };
  } catch (error) {
    if (!(error instanceof LeaseholdError)) throw error;
    return { taken: entries, ended: error.code };
  }
}

test('of any archive, nothing is taken that is outside, through something, or in the place of something', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(item, { maxLength: 6 }), async (items) => {
      const { taken: entries } = await taken(await tar(...items.map(withText)));
      const leaves = new Set<string>();
      for (const [path, type] of entries) {
        const parts = path.split('/');
        expect(parts.filter((part) => ['', '.', '..'].includes(part))).toEqual([]);
        const parents = parts.map((_part, index) => parts.slice(0, index).join('/'));
        expect([path, ...parents].filter((one) => leaves.has(one))).toEqual([]);
        if (type !== 'directory') leaves.add(path);
      }
    }),
    { numRuns: 300 },
  );
});

test('whatever bytes are changed or missing in one, it is read or refused', async () => {
  const archive = await tar(
    { name: 'a', text: 'x'.repeat(3_000) },
    { name: 'ü', text: 'pax' },
    { name: 'b/', type: 'directory' },
  );
  const change = fc.record({ at: fc.nat(archive.length - 1), byte: fc.nat(255) });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 4 }), fc.nat(archive.length), async (changes, length) => {
      const bytes = archive.slice(0, length);
      for (const { at, byte } of changes) if (at < length) bytes[at] = byte;
      const { ended } = await taken(bytes);
      expect(['invalid_archive', 'archive_too_large', null]).toContain(ended);
    }),
    { numRuns: 500 },
  );
});
