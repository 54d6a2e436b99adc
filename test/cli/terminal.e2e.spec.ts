import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { visible } from '../../src/cli/visible.js';
import { leasehold } from '../support/cli.js';

const ID = randomUUID();
/** A title, a cleared screen, a C1 control, a bidi override, a zero-width space, a tag, and lines of their own. */
const EVIL = 'a\u001b]0;pwned\u0007\u001b[2J\u009b31m\u202eb\u200b\u{e0041}\u007f\r\nsecond\u2028\tthird';
const SHOWN =
  'a\\u001b]0;pwned\\u0007\\u001b[2J\\u009b31m\\u202eb\\u200b\\udb40\\udc41\\u007f\\u000d\\u000asecond\\u2028\\u0009third';
const UNSEEN = /[^\P{C}\n]|[\p{Zl}\p{Zp}\u200b]/u;

let server: Server | undefined;
afterEach(() => server?.close().closeAllConnections());

/** The settings of a command that asks a service with these answers. */
async function serviceOf(answer: (request: IncomingMessage, response: ServerResponse) => unknown) {
  server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { LEASEHOLD_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const LIST = {
  items: [{ name: EVIL, error: EVIL, position: 1, recordedAt: EVIL, type: EVIL, stream: EVIL, actor: EVIL }],
};
const CHANGES = [{ field: 'reason', from: null, to: EVIL }];
const WHY = { status: 'failed', reasonCode: null, sentence: EVIL, chain: [], blockedBy: null, nextTimer: null };

test.each([
  [['environments', 'show', ID], { name: EVIL }],
  [['environments', 'list', '--company', ID], [{ id: ID, name: EVIL }]],
  [['leases', 'show', ID], { failureReason: EVIL, metadata: { [EVIL]: EVIL } }],
  [['leases', 'why', ID], WHY],
  [['leases', 'diff', ID, '--from', '1'], { from: 1, to: 2, changes: CHANGES }],
  [['leases', 'timeline', ID], { items: [{ ...LIST.items[0], sentence: EVIL, changes: CHANGES }], nextCursor: null }],
  [['events', 'list', '--company', ID], LIST],
  [['projections', 'list'], LIST],
  [['tokens', 'list'], { items: [{ id: ID, name: EVIL, companies: null, permissions: [], revokedAt: null }] }],
] as const)('%j shows what others wrote as escapes, to people and in JSON', async (args, answer) => {
  const settings = await serviceOf((_request, response) => response.end(JSON.stringify(answer)));
  const people = await leasehold(settings, ...args);
  expect(people).toMatchObject({ code: 0, err: '' });
  expect(people.out).toContain('second\\u2028');
  expect(people.out).not.toMatch(new RegExp(UNSEEN.source.replace('\\n', '\\n\\t'), 'u'));
  const json = await leasehold(settings, ...args, '--json');
  expect(json.out).not.toMatch(UNSEEN);
  expect(JSON.parse(json.out)).toEqual(
    args[1] === 'timeline' ? { items: (answer as { items: unknown }).items } : answer,
  );
});

test('the feed as it comes, and what is refused', async () => {
  const event = JSON.stringify(LIST.items[0]);
  const settings = await serviceOf((request, response) => {
    if (request.url?.includes('/events/stream')) response.write(`data: ${event}\n\n`);
    else response.writeHead(404).end(JSON.stringify({ code: 'c', title: 't', detail: EVIL, remedy: EVIL }));
  });
  const tail = ['events', 'tail', '--company', ID, '--limit', '1'];
  expect((await leasehold(settings, ...tail)).out).not.toMatch(UNSEEN);
  const json = await leasehold(settings, ...tail, '--json');
  expect(json.out).not.toMatch(UNSEEN);
  expect(JSON.parse(json.out)).toEqual(LIST.items[0]);
  expect(await leasehold(settings, 'leases', 'show', ID)).toEqual({
    ...{ code: 3, out: '', err: `c: ${SHOWN}\n${SHOWN}\n` },
  });
  const usage = await leasehold(settings, 'leases', 'show', '\u001b[2J');
  expect(usage).toMatchObject({ code: 2, err: expect.not.stringMatching(UNSEEN) });
});

test('what can be seen stays as it is', () => {
  expect(visible('naïve Ωμέγα 東京 😀 «a\\b»')).toBe('naïve Ωμέγα 東京 😀 «a\\b»');
  expect(visible(EVIL)).toBe(SHOWN);
  expect(visible('\ud800x\u3164\ufe0f')).toBe('\\ud800x\\u3164\\ufe0f');
});
