import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { bareEnvironment } from '../support/bare-environment.js';
import { CLI, leasehold } from '../support/cli.js';

const COMPANY = randomUUID();
const LIST = ['leases', 'list', '--company', COMPANY];

let server: Server | undefined;
afterEach(() => server?.close().closeAllConnections());

async function serviceOf(answer: (request: IncomingMessage, response: ServerResponse) => unknown) {
  server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { LEASEHOLD_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('a list that is not the whole one says how to get the rest, and a program has the cursor', async () => {
  const asked: (string | undefined)[] = [];
  const settings = await serviceOf(({ url }, response) => {
    asked.push(url);
    response.end(JSON.stringify({ items: [], nextCursor: url?.includes('cursor=7') === true ? null : '7' }));
  });
  expect((await leasehold(settings, ...LIST)).err).toBe('There are more. Next page: --cursor 7\n');
  expect(await leasehold(settings, ...LIST, '--cursor', '7')).toMatchObject({ code: 0, err: '' });
  expect(asked[1]).toContain('cursor=7');
});

test('G9: so does a list of environments, by the Link of the service', async () => {
  const asked: (string | undefined)[] = [];
  const settings = await serviceOf(({ url }, response) => {
    asked.push(url);
    if (url?.includes('cursor=7') !== true) response.setHeader('Link', '</list?limit=2&cursor=7>; rel="next"');
    response.end('[]');
  });
  const list = ['environments', 'list', '--company', COMPANY, '--limit', '2'];
  const more = 'There are more. Next page: --cursor 7\n';
  expect(await leasehold(settings, ...list)).toMatchObject({ code: 0, out: '(none)\n', err: more });
  expect(await leasehold(settings, ...list, '--json')).toMatchObject({ code: 0, out: '[]\n', err: more });
  expect(await leasehold(settings, ...list, '--cursor', '7')).toMatchObject({ code: 0, err: '' });
  expect(asked[2]).toBe(`/api/companies/${COMPANY}/environments?limit=2&cursor=7`);
});

test('output that cannot be written is an error, and a reader that has gone is told nothing', async () => {
  const settings = await serviceOf((_request, response) =>
    response.end(JSON.stringify({ items: [], nextCursor: null })),
  );
  const env = { ...bareEnvironment(), ...settings };
  const full = await open('/dev/full', 'w');
  const toFull = spawn(process.execPath, [CLI, ...LIST], { env, stdio: ['ignore', full.fd, 'pipe'] });
  const said = ((await toFull.stderr?.toArray()) ?? []).join('');
  await full.close();
  const code: unknown = toFull.exitCode ?? (await once(toFull, 'exit'))[0];
  expect([code, said]).toEqual([1, expect.stringMatching(/^The output could not be written: .*ENOSPC.*\n$/)]);

  const toNobody = spawn(process.execPath, [CLI, ...LIST], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  toNobody.stdout.destroy();
  expect((await toNobody.stderr.toArray()).join('')).toBe('');
  expect(toNobody.exitCode ?? (await once(toNobody, 'exit'))[0]).toBe(141);
});

test('tail goes on where its stream has ended, without losing what was cut off or showing it twice', async () => {
  const asked: (string | null)[] = [];
  const frame = (position: number) => `id: ${position}\ndata: {"position":${position}}\n`;
  const settings = await serviceOf(({ url }, response) => {
    asked.push(new URL(url ?? '', 'http://localhost').searchParams.get('after'));
    if (asked.length === 1) response.end(`${frame(1)}\n${frame(2)}`);
    else response.write(`${frame(2)}\n${frame(3)}\n`);
  });
  const tail = ['events', 'tail', '--company', COMPANY, '--json', '--limit', '3'];
  expect(await leasehold(settings, ...tail)).toEqual({
    code: 0,
    out: '{"position":1}\n{"position":2}\n{"position":3}\n',
    err: 'The stream ended; continuing after position 1.\n',
  });
  expect(asked).toEqual([null, '1']);
});

test('tail that has no position to go on from does not end as if all were well', async () => {
  const settings = await serviceOf((_request, response) => response.end('retry: 1000\n\n'));
  expect(await leasehold(settings, 'events', 'tail', '--company', COMPANY)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/events may be missing/),
  });
});

test('says why there is no answer', async () => {
  const settings = await serviceOf((_request, response) => response.end('{}'));
  const err = async (more: Record<string, string>) => (await leasehold({ ...settings, ...more }, ...LIST)).err;
  expect(await err({ LEASEHOLD_TOKEN: 'lh_a\r' })).toMatch(/^LEASEHOLD_TOKEN has a character/);
  expect(await err({ LEASEHOLD_URL: settings.LEASEHOLD_URL.replace('http:', 'https:') })).toMatch(/does not speak TLS/);
  expect(await err({ LEASEHOLD_URL: 'http://no-such-host.invalid' })).toMatch(/^The host of .* is not known/);
  expect(await err({ LEASEHOLD_URL: 'ftp://a' })).toMatch(/is not an http or https URL/);
  expect(await err({ LEASEHOLD_URL: 'http://127.0.0.1:1' })).toMatch(/^No service answers at/);
});

test('a token is made at the service that is named, whatever data the settings name; what only reads makes no data', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'leasehold-test-cli-'));
  const data = { LEASEHOLD_DATA_DIR: join(folder, 'data') };
  try {
    const asked: unknown[] = [];
    const settings = await serviceOf(({ method, url }, response) => {
      asked.push([method, url]);
      response.writeHead(201).end(JSON.stringify({ value: 'lh_made_there' }));
    });
    const made = await leasehold({ ...settings, ...data }, 'tokens', 'create', '--name', 'a', '--all-companies');
    expect(made).toEqual({
      ...{
        code: 0,
        out: 'lh_made_there\n',
        err: `The token was created in the service at ${settings.LEASEHOLD_URL}.\n`,
      },
    });
    expect(asked).toEqual([['POST', '/api/tokens']]);
    for (const args of [
      ['tokens', 'list'],
      ['tokens', 'revoke', COMPANY],
      ['secrets', 'rotate-master-key'],
    ]) {
      expect(await leasehold(data, ...args)).toMatchObject({
        code: 1,
        err: expect.stringMatching(/^There is no data in/),
      });
    }
    expect(existsSync(data.LEASEHOLD_DATA_DIR)).toBe(false);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
