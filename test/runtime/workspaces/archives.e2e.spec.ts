import { gzipSync } from 'node:zlib';
import { readdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { leave } from '../../support/leave.js';
import { until } from '../../support/projections.js';
import { contentOfArchive, tar, type Item } from './archives.js';
import { contentOf, script, WorkspaceService } from './workspace-service.js';

let service: WorkspaceService;
beforeAll(async () => {
  service = await WorkspaceService.start({ LEASEHOLD_SYNC_LIMIT_BYTES: '10000000' });
});
afterAll(() => service?.close());

async function sent(id: string, archive: Uint8Array<ArrayBuffer>): Promise<[number, unknown]> {
  const answer = await service.sendArchive(id, archive);
  return [answer.status, ((await answer.json()) as { readonly code?: string }).code];
}

describe('an archive', () => {
  test('of files, folders, an executable and a symlink arrives, and comes back changed', async () => {
    const { id, folder } = await service.lease();
    const sent = await service.sendArchive(
      id,
      await tar(
        { name: 'a/', type: 'directory' },
        { name: './a/tool', text: 'tool', mode: 0o755 },
        { name: `a/${'long'.repeat(50)}`, text: 'long' },
        { name: 'ünï', text: '' },
        { name: 'link', type: 'symlink', linkname: 'a/tool' },
      ),
    );
    expect(sent.status).toBe(200);
    expect(await contentOf(folder)).toMatchObject({ 'a/tool': '755 tool', ünï: '644 ', link: '-> a/tool' });
    await script(folder, 'rm link; echo new > new; echo more >> a/tool');
    const back = await service.takeArchive(id, { changesOnly: true });
    expect(back.headers.get('content-type')).toBe('application/x-tar');
    const { '.leasehold/changes.json': changes = '', ...content } = await contentOfArchive(await back.arrayBuffer());
    expect(content).toEqual({ 'a/tool': '755 toolmore\n', new: '644 new\n' });
    expect(JSON.parse(changes.slice('644 '.length))).toEqual({
      ...{ version: 1, added: ['new'], changed: ['a/tool'], deleted: ['link'] },
    });
    const whole = await contentOfArchive(await (await service.takeArchive(id)).arrayBuffer());
    expect(Object.keys(whole).sort()).toEqual(['a', `a/${'long'.repeat(50)}`, 'a/tool', 'new', 'ünï'].sort());
  });

  test('R1: of a caller who leaves before it is sent is no failure of the service', async () => {
    const { id } = await service.lease();
    await service.sendArchive(id, await tar({ name: 'a', text: 'x' }));
    const url = `${service.service.api.url}/api/environment-leases/${id}/sync-out`;
    for (const afterMs of [0, 1, 3]) {
      await leave(url, { method: 'POST', headers: { 'content-type': 'application/json' } }, '{}', afterMs);
      // The next one is refused until the run of it has ended.
      for (let status = 409; status === 409;) status = (await service.takeArchive(id)).status;
    }
    expect(service.service.logged).toEqual([]);
  });

  test.each<[string, Item[]]>([
    ['..', [{ name: '../evil', text: 'x' }]],
    ['.. in the middle', [{ name: 'a/../../evil', text: 'x' }]],
    ['.. where only pax says so', [{ name: 'evil', text: 'x', pax: { path: '../evil' } }]],
    ['an absolute path', [{ name: '/tmp/leasehold-evil', text: 'x' }]],
    ['a name that is no text', [{ name: 'evil\uFFFD', text: 'x' }]],
    ['a name that no file can have', [{ name: `evil${'x'.repeat(300)}`, text: 'x' }]],
    ['a hard link', [{ name: 'evil', type: 'link', linkname: '/etc/passwd' }]],
    ['a hard link to what it has itself', [{ name: 'evil', type: 'link', linkname: 'good' }]],
    ['a character device', [{ name: 'evil', type: 'character-device' }]],
    ['a block device', [{ name: 'evil', type: 'block-device' }]],
    ['a pipe', [{ name: 'evil', type: 'fifo' }]],
    [
      'a way through a symlink',
      [
        { name: 'a', type: 'symlink', linkname: '/tmp' },
        { name: 'a/leasehold-evil', text: 'x' },
      ],
    ],
    [
      'a way through a symlink, named otherwise',
      [
        { name: 'a', type: 'symlink', linkname: '..' },
        { name: './/a/./evil', text: 'x' },
      ],
    ],
    [
      'a file through a symlink of the same name',
      [
        { name: 'a', type: 'symlink', linkname: '../evil' },
        { name: 'a', text: 'x' },
      ],
    ],
    [
      'a folder in the place of a symlink',
      [
        { name: 'a', type: 'symlink', linkname: '..' },
        { name: 'a/', type: 'directory' },
        { name: 'a/evil', text: 'x' },
      ],
    ],
    [
      'a symlink in the place of a folder',
      [
        { name: 'a/b', text: 'x' },
        { name: 'a', type: 'symlink', linkname: '/tmp' },
      ],
    ],
    [
      'a name that comes twice',
      [
        { name: 'a', text: 'x' },
        { name: './a', text: 'evil' },
      ],
    ],
    ['a way through a file', [{ name: 'good/evil', text: 'x' }]],
    ['a symlink to nowhere', [{ name: 'evil', type: 'symlink', linkname: '' }]],
    ['less than it says', [{ name: 'evil', text: 'x', pax: { size: '900000' } }]],
    ['less than nothing', [{ name: 'evil', text: 'x', pax: { size: '-5' } }]],
  ])('with %s is refused, and nothing gets out', async (_what, items) => {
    const { id, folder } = await service.lease();
    const beside = await contentBeside(folder);
    const archive = await tar({ name: 'good', text: 'x' }, ...items);
    expect(await sent(id, archive)).toEqual([400, 'invalid_archive']);
    const left = Object.keys(await contentOf(folder));
    expect(left.filter((path) => path.includes('evil'))).toEqual([]);
    expect(await contentBeside(folder)).toEqual(beside);
    // Neither is the lease spoilt by it.
    expect(await sent(id, await tar({ name: 'good', text: 'x' }))).toEqual([200, undefined]);
    expect(await contentOf(folder)).toEqual({ good: '644 x' });
  });

  test('that says it is huge is refused before it has come', async () => {
    const { id, folder } = await service.lease();
    const huge = await tar({ name: 'huge', text: 'x', pax: { size: String(2 ** 50) } });
    expect(await sent(id, huge)).toEqual([413, 'archive_too_large']);
    expect(await contentOf(folder)).toEqual({});
  });

  test('that is cut off anywhere is refused, and one whose sender goes away spoils nothing', async () => {
    const { id, folder } = await service.lease();
    const archive = await tar({ name: 'a', text: 'a'.repeat(100_000) }, { name: 'b', text: 'b' });
    for (const length of [1, 512, 513, 50_000, 100_864, 100_900]) {
      expect([length, ...(await sent(id, archive.slice(0, length)))]).toEqual([length, 400, 'invalid_archive']);
    }
    const { hostname, port } = new URL(service.service.api.url);
    const socket = connect(Number(port), hostname);
    const head = [`POST /api/environment-leases/${id}/sync-in HTTP/1.1`, `Host: ${hostname}:${port}`];
    const headers = ['Content-Type: application/x-tar', `Content-Length: ${archive.length}`];
    socket.write(`${[...head, ...headers].join('\r\n')}\r\n\r\n`);
    await new Promise((resolve) => socket.write(archive.slice(0, 50_000), resolve));
    await until(async () => (await readdir(folder)).includes('.leasehold'));
    socket.destroy();
    // The service may still be about the one that broke off.
    await until(async () => (await sent(id, archive))[0] === 200);
    expect(Object.keys(await contentOf(folder))).toEqual(['a', 'b']);
    expect(service.service.logged).toEqual([]);
  });

  test('that is none, is empty or is too large is refused', async () => {
    const { id, folder } = await service.lease();
    expect(await sent(id, await tar({ name: 'kept', text: 'x' }))).toEqual([200, undefined]);
    const bad = [new Uint8Array(0), new Uint8Array(2_000).fill(65), new Uint8Array(1024).fill(255)];
    bad.push(gzipSync(await tar({ name: 'a', text: 'x' })), await tar({ name: '../a', text: 'x' }));
    for (const bytes of bad) {
      expect(await sent(id, bytes)).toEqual([400, 'invalid_archive']);
      // What was there is removed only for what is an archive.
      expect(await contentOf(folder)).toEqual({ kept: '644 x' });
    }
    const large = await tar({ name: 'a', text: 'x'.repeat(11_000_000) });
    expect(await sent(id, large)).toEqual([413, 'archive_too_large']);
  });

  test('of nobody’s lease is not read, and no other route takes one', async () => {
    const { id } = await service.lease();
    const archive = await tar({ name: 'a', text: 'x'.repeat(1_000_000) });
    expect(await sent('0190a1b2-0000-7000-8000-000000000000', archive)).toEqual([404, 'lease_not_found']);
    const headers = { 'content-type': 'application/x-tar' };
    const url = `${service.service.api.url}/api/environment-leases/${id}/sync-out`;
    expect((await fetch(url, { method: 'POST', headers, body: archive })).status).toBe(415);
  });

  test('does not replace files that the lease has not put there, unless it is told to', async () => {
    const { id, folder } = await service.lease();
    await writeFile(join(folder, 'theirs'), 'x');
    const archive = await tar({ name: 'a', text: 'x' });
    expect((await service.sendArchive(id, archive)).status).toBe(409);
    expect(Object.keys(await contentOf(folder))).toEqual(['theirs']);
    expect((await service.sendArchive(id, archive, '?replace=true')).status).toBe(200);
    expect((await service.sendArchive(id, archive)).status).toBe(200);
    expect(Object.keys(await contentOf(folder))).toEqual(['a']);
  });
});

/** What is in the folder of a lease’s folder besides it, where `..` leads to, and where absolute names led to. */
async function contentBeside(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, '..'));
  const outside = (await readdir('/tmp')).filter((name) => name.includes('leasehold-evil'));
  return [...names.filter((name) => name.includes('evil')), ...outside];
}
