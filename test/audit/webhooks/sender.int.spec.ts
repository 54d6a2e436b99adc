import { hostname } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Sender, type SendResult } from '../../../src/audit/webhooks/delivery/sender.js';
import { Receiver } from './receiver.js';

const never = new AbortController().signal;
let receiver: Receiver;
let other: Receiver;
const senders: Sender[] = [];
beforeEach(async () => {
  [receiver, other] = await Promise.all([Receiver.start(), Receiver.start()]);
});
afterEach(() => {
  for (const sender of senders.splice(0)) sender.close();
  receiver.close();
  other.close();
});

const send = (url: string, privateAddresses: boolean, timeoutMs = 2_000): Promise<SendResult> => {
  const sender = new Sender(privateAddresses, timeoutMs);
  senders.push(sender);
  return sender.send({ url, headers: { 'content-type': 'application/json' }, body: '{}' }, never);
};
const at = (host: string): string => `http://${host}:${receiver.port}/hook`;

describe('a service that sends to public addresses alone', () => {
  // Names too: these are looked up, and lead to this machine, whatever was checked when the webhook was made.
  test.each(['127.0.0.1', '2130706433', '[::ffff:127.0.0.1]', 'localhost', 'LOCALHOST'])(
    'opens no connection to %s',
    async (host) => {
      const result = await send(at(host), false);
      expect(result).toMatchObject({ ok: false, status: null });
      expect(result.failure).toContain('not a public address');
      expect(receiver.requests).toEqual([]);
    },
  );

  test('opens none to this machine by its own name either', async () => {
    const result = await send(at(hostname()), false);
    // Where the name is not known it leads nowhere, which is as well.
    expect(result.ok).toBe(false);
    expect(receiver.requests).toEqual([]);
  });
});

describe('a service that may send to private addresses', () => {
  test.each(['127.0.0.1', 'localhost', '2130706433'])('does: %s', async (host) => {
    expect(await send(at(host), true)).toEqual({ ok: true, status: 200, failure: null, retryAfterMs: null });
  });

  test.each([301, 302, 303, 307, 308])('follows no redirect: %s', async (status) => {
    receiver.react = () => status;
    receiver.headers = { location: other.url };
    const result = await send(receiver.url, true);
    expect(result).toEqual({
      ok: false,
      status,
      failure: 'It redirected; redirects are refused',
      retryAfterMs: null,
    });
    expect(other.requests).toEqual([]);
  });

  test.each([400, 404, 410, 429, 500, 503])('takes %s for a failure', async (status) => {
    receiver.react = () => status;
    expect(await send(receiver.url, true)).toEqual({
      ok: false,
      status,
      failure: `It answered ${status}`,
      retryAfterMs: null,
    });
  });

  test.each([
    [429, '30', 30_000],
    [503, '0', 0],
    [503, 'Sun, 06 Nov 1994 08:49:37 GMT', 60_000],
    [429, 'Sun, 06 Nov 1994 08:00:00 GMT', 0],
    [429, '-1', null],
    [429, '1.5', null],
    [429, 'soon', null],
    [429, '9'.repeat(400), null],
    [500, '30', null],
  ])('hears when it is to come again: %s, %s', async (status, said, retryAfterMs) => {
    receiver.react = () => status;
    // By the receiver's own clock, wherever that stands.
    receiver.headers = { 'retry-after': said, date: 'Sun, 06 Nov 1994 08:48:37 GMT' };
    expect(await send(receiver.url, true)).toMatchObject({ ok: false, status, retryAfterMs });
  });

  test('waits no longer than it is told, and says what went wrong in its own words', async () => {
    receiver.react = () => 'hang';
    expect(await send(receiver.url, true, 200)).toMatchObject({ failure: 'No answer within 200 ms' });
    receiver.react = () => 'drop';
    expect((await send(receiver.url, true)).failure).toContain('socket hang up');
    const { url } = receiver;
    receiver.close();
    expect((await send(url, true)).failure).toContain('ECONNREFUSED');
  });

  test('sends once more, at once, what met a kept connection that was being closed', async () => {
    const sender = new Sender(true, 2_000);
    senders.push(sender);
    const message = { url: receiver.url, headers: { 'content-type': 'application/json' }, body: '{}' };
    expect((await sender.send(message, never)).ok).toBe(true);
    receiver.dropConnections();
    expect((await sender.send(message, never)).ok).toBe(true);
  });

  test('reads no more of an answer than it needs', async () => {
    receiver.answer = 'x'.repeat(10_000_000);
    expect(await send(receiver.url, true)).toEqual({ ok: true, status: 200, failure: null, retryAfterMs: null });
  });
});
