import { expect, test } from '@jest/globals';
import type { RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';
import { feedEvent, SharedFrames } from '../../../src/audit/feed/event-frames.js';

const page = [1, 2].map((position) => ({
  position,
  stream: 'environment-1',
  version: position,
  id: `id-${position}`,
  type: 'EnvironmentCreated',
  schemaVersion: 1,
  companyId: 'company',
  actor: 'operator:"\n',
  correlationId: null,
  causationId: null,
  recordedAt: '2026-11-28T12:00:00.000Z',
  data: { name: 'A\nB', config: { image: 'secret image' } },
})) as [RecordedEvent, RecordedEvent];

test('a frame is the event as the feed gives it, on one line, by its position and type', () => {
  const [first] = page;
  const frame = new SharedFrames().of(page, true).at(0);
  expect(frame).toMatch(/^id: 1\nevent: EnvironmentCreated\ndata: [^\n]+\n\n$/);
  expect(JSON.parse(frame.split('\ndata: ')[1] ?? '')).toEqual(feedEvent(first, true));
});

test('who may not see configs has frames of their own', () => {
  const frames = new SharedFrames();
  expect(frames.of(page, true).at(1)).toContain('secret image');
  expect(frames.of(page, false).at(1)).not.toContain('secret image');
  expect(frames.of(page, true).at(1)).toContain('secret image');
});

test('a page’s frames are not taken for another’s', () => {
  const frames = new SharedFrames();
  expect(frames.of(page, true).at(0)).toMatch(/^id: 1\n/);
  expect(frames.of([page[1]], true).at(0)).toMatch(/^id: 2\n/);
});
