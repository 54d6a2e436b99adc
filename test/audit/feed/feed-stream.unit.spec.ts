import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import { SharedFrames } from '../../../src/audit/feed/event-frames.js';
import { FeedSelection } from '../../../src/audit/feed/feed-selection.js';
import { FeedStream } from '../../../src/audit/feed/feed-stream.js';
import type { LiveEvents } from '../../../src/audit/feed/live-events.js';

const COMPANY = '0190a000-0000-7000-8000-000000000001';
/** Nothing ever happens. */
const QUIET = { at: 7, join: () => true, leave: () => undefined } as unknown as LiveEvents;
const nothing = () => Promise.resolve({ events: [], position: 7, isHead: true });

function streamTo(response: PassThrough, read = nothing): FeedStream {
  const closed = new AbortController();
  if (response.destroyed) closed.abort();
  response.once('close', () => closed.abort());
  const selection = new FeedSelection({ companyId: COMPANY }, []);
  const reader = { response, gone: closed.signal, selection, seesConfig: true };
  const options = { heartbeatMs: 5, bufferBytes: 1_000, stalledMs: 1_000 };
  return new FeedStream(reader, read, QUIET, new SharedFrames(), 3, options);
}

test('a heartbeat says how far the reader is, also where its filter lets nothing through', async () => {
  const response = new PassThrough();
  const running = streamTo(response).send();
  let text = '';
  for await (const chunk of response) {
    text += String(chunk);
    if (text.includes('heartbeat')) break;
  }
  expect(text).toContain(': heartbeat\nid: 7\n\n');
  await running;
});

test('R1: a reader that has gone before its stream begins is read nothing for', async () => {
  const response = new PassThrough();
  response.destroy();
  let reads = 0;
  const counted = () => ((reads += 1), nothing());
  await streamTo(response, counted).send();
  expect(reads).toBe(0);
});
