import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { keptMemory, usedMemory } from '../../support/memory.js';
import { grown } from '../../support/soak.js';
import { tar, type Item } from './archives.js';
import { script, WorkspaceService } from './workspace-service.js';

const MAX_BYTES = 1024 * 1024;
const MAX_GROWTH = 64 * 1024 * 1024;
/** How many times longer than while an empty request is answered the event loop may be held. */
const MAX_TIMES_HELD = 200;
/** A clock that is asked every millisecond tells nothing of less. */
const LEAST_HELD_MS = 2;

/** As many as there is time for; none is too few. */
const LIMIT_MS = grown(10_000, 240_000);
const TURNS = { numRuns: grown(20, 2_000), interruptAfterTimeLimit: LIMIT_MS, endOnFailure: true };
const TIMEOUT_MS = LIMIT_MS + 120_000;

let service: WorkspaceService;
let packed: string;
beforeAll(async () => {
  service = await WorkspaceService.start();
  // What comes back is whatever a test has put there, if it has.
  packed = join(service.home, 'packed.tar');
  await mkdir(join(service.home, 'tools'));
  await writeFile(
    join(service.home, 'tools/tar'),
    `#!/bin/sh\ncase "$*" in *-cf*) [ ! -e ${packed} ] || exec cat ${packed};; esac\nexec /bin/tar "$@"\n`,
  );
  await chmod(join(service.home, 'tools/tar'), 0o755);
  service.driver.path = `${join(service.home, 'tools')}:${process.env['PATH'] ?? ''}`;
});
afterAll(() => service?.close());

const part = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    '..',
    '.',
    '',
    '.git',
    '.leasehold',
    'HEAD',
    'objects',
    'refs',
    'ü',
    '\u0000',
    'x'.repeat(255),
  ),
  fc.string({ maxLength: 20 }),
);
const path = fc.oneof(
  fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/') || '/'),
  fc
    .record({ depth: fc.integer({ min: 1, max: 2_000 }), name: part })
    .map(({ depth, name }) => `${'d/'.repeat(depth)}${name}`),
  fc.constantFrom('/etc/passwd', '../../outside', 'link/outside'),
);
const record = fc.constantFrom(
  'path',
  'size',
  'GNU.sparse.name',
  'GNU.sparse.major',
  'SCHILY.xattr.a',
  'comment',
  'mtime',
  '__proto__',
);
const item: fc.Arbitrary<Item> = fc
  .record({
    name: path,
    type: fc.constantFrom('file', 'symlink', 'directory', 'link', 'fifo', 'character-device' as const),
    linkname: path,
    text: fc.string({ maxLength: 3_000 }),
    pax: fc.option(fc.dictionary(record, fc.oneof(path, fc.integer().map(String)), { maxKeys: 3 }), { nil: undefined }),
  })
  .map(({ text, pax, ...rest }) => ({
    ...rest,
    ...(rest.type === 'file' && { text }),
    ...(pax !== undefined && { pax: { path: rest.name, ...pax } }),
  }));

/** Many entries alike, up to the size that is tried. */
const items = fc
  .record({ some: fc.array(item, { maxLength: 8 }), times: fc.constantFrom(1, 1, 1, 20, 200) })
  .map(({ some, times }) =>
    Array.from({ length: times }, (_, round) =>
      some.map((one) =>
        times === 1
          ? one
          : { ...one, name: `${String(round)}/${one.name}`, pax: { ...one.pax, path: `${String(round)}/${one.name}` } },
      ),
    ).flat(),
  );
const change = fc.record({ at: fc.nat(), byte: fc.nat(255) });
/** Most are whole: of one that broke off nothing may be taken, so that it tells little. */
const archive = fc.record({
  items,
  changes: seldom<{ at: number; byte: number }[]>([], fc.array(change, { minLength: 1, maxLength: 5 })),
  cut: seldom<number | null>(null, fc.nat()),
});
const file = (name: string): Item => ({ name, type: 'file', text: 'x' });
const EXAMPLES: readonly (readonly Item[])[] = [
  Array.from({ length: 200 }, (_, round) => ({ ...file(`a/${String(round)}`), text: 'x'.repeat(4_000) })),
  [file('../outside')],
  [file('a/../../outside')],
  [{ name: '../outside', type: 'directory' }],
  [{ name: '../outside', type: 'symlink', linkname: 'a' }],
  [{ name: 'link', type: 'symlink', linkname: '..' }, file('link/outside')],
  [file('a'), { name: '../outside', type: 'link', linkname: 'a' }],
  [{ ...file('a'), pax: { path: '../outside' } }],
  Array.from({ length: 200 }, (_, round) => file(`${String(round)}/${'d/'.repeat(2_000)}x`)),
];
const examples = EXAMPLES.map((one) => ({ items: [...one], changes: [], cut: null }));

function seldom<T>(usual: T, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary });
}

async function bytesOf({
  items: all,
  changes,
  cut,
}: typeof archive extends fc.Arbitrary<infer A> ? A : never): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = (await tar(...all)).slice(0, MAX_BYTES);
  for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
  return cut === null ? bytes : bytes.slice(0, cut % (bytes.length + 1));
}

/** How long the event loop was held at most while something went on, in milliseconds, and by how much memory grew. */
async function cost(during: () => Promise<unknown>): Promise<{ readonly held: number; readonly grown: number }> {
  const before = keptMemory();
  let grown = 0;
  const watch = setInterval(() => {
    // What has only not been collected yet is no growth; to collect again and again would take too long.
    if (grown <= MAX_GROWTH && usedMemory() - before > MAX_GROWTH) grown = keptMemory() - before;
  }, 5);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await during();
  delay.disable();
  clearInterval(watch);
  return { held: delay.max / 1e6, grown: Math.max(grown, keptMemory() - before) };
}

/** The longest of a few, so that a machine that is busy is so for both. */
async function heldByNothing(): Promise<number> {
  const costs = [];
  for (let turn = 0; turn < 10; turn += 1)
    costs.push(await cost(() => service.service.api.expect(200, 'GET', '/api/health')));
  return Math.max(LEAST_HELD_MS, ...costs.map(({ held }) => held));
}

test(
  'whatever archive is sent, it is taken or refused: nothing is outside, and neither time nor memory is taken for it',
  async () => {
    const most = MAX_TIMES_HELD * (await heldByNothing());
    const { id } = await service.lease();
    const outside = await everything(id);
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(archive, async (made) => {
        const bytes = await bytesOf(made);
        let status = 0;
        const { held, grown: more } = await cost(async () => {
          const answer = await service.sendArchive(id, bytes, '?replace=true');
          await answer.arrayBuffer();
          ({ status } = answer);
        });
        expect([200, 400, 413, 502]).toContain(status);
        if (status === 200) taken += 1;
        expect(held).toBeLessThan(most);
        expect(more).toBeLessThan(MAX_GROWTH);
        expect(await everything(id)).toEqual(outside);
      }),
      { ...TURNS, examples: examples.map((one): [typeof one] => [one]) },
    );
    // Archives that are all refused would show nothing.
    expect(taken).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  'whatever archive comes back, it is taken or refused: nothing is outside, and neither time nor memory is taken for it',
  async () => {
    const most = MAX_TIMES_HELD * (await heldByNothing());
    const { id } = await service.lease();
    const localPath = await service.folder('back');
    const mark = `./.leasehold/sync/${id}/end`;
    const outside = await everything(id, localPath);
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(archive, fc.boolean(), async ({ items: all, ...made }, into) => {
        await writeFile(packed, await bytesOf({ ...made, items: [...all, { name: mark, text: './a\0./b\0' }] }));
        let status = 0;
        const { held, grown: more } = await cost(async () => {
          const answer = await service.takeArchive(id, into ? { localPath } : { changesOnly: true });
          await answer.arrayBuffer();
          ({ status } = answer);
        });
        expect([200, 400, 413, 502]).toContain(status);
        if (status === 200) taken += 1;
        expect(held).toBeLessThan(most);
        expect(more).toBeLessThan(MAX_GROWTH);
        expect(await everything(id, localPath)).toEqual(outside);
      }),
      { ...TURNS, examples: examples.map((one): [typeof one, boolean] => [one, true]) },
    );
    expect(taken).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

/** All that there is, but for what the lease and the folder may have. */
async function everything(leaseId: string, folder = ''): Promise<string> {
  const found = await script(service.home, 'find . -printf "%p %y %s %l\\n" | sort');
  const own = [service.driver.folder(leaseId), folder, packed, service.dataDir].filter((path) => path !== '');
  const names = own.map((path) => `.${path.slice(service.home.length)}`);
  const parents = ['. d', './leases d', './roots d'];
  const lines = found.split('\n').filter((line) => ![...names, ...parents].some((name) => line.startsWith(name)));
  expect(await readdir(service.roots)).toHaveLength(folder === '' ? 0 : 1);
  return `${lines.join('\n')}${await readFile(join(service.home, 'tools/tar'), 'utf8')}`;
}
