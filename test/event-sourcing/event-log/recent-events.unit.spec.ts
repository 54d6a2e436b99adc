import { describe, expect, it } from '@jest/globals';
import type { RecordedEvent } from '../../../src/event-sourcing/event-log/events.js';
import { RecentEvents } from '../../../src/event-sourcing/event-log/recent-events.js';

const event = (position: number, data: object = {}): RecordedEvent => ({
  position,
  stream: 'lease-1',
  version: position,
  id: '019a8c00-0000-7000-8000-000000000001',
  type: 'Happened',
  schemaVersion: 1,
  companyId: '019a8c00-0000-7000-8000-00000000c001',
  actor: 'test:recent',
  correlationId: null,
  causationId: null,
  recordedAt: '2026-11-23T12:00:00.000Z',
  data,
});

const positions = (events: readonly RecordedEvent[] | null): number[] | null =>
  events && events.map(({ position }) => position);

describe('the recent events', () => {
  it('give a range that is here as a whole, in order, whatever the order in which commits were told', () => {
    const recent = new RecentEvents({ maxEvents: 10, maxBytes: 100_000 });
    recent.add([event(5), event(6)]);
    recent.add([event(3), event(4)]);
    expect(positions(recent.range(2, 6))).toEqual([3, 4, 5, 6]);
    expect(positions(recent.range(4, 5))).toEqual([5]);
    expect(positions(recent.range(6, 6))).toEqual([]);
  });

  it('give none where another process has appended in between, or before, or after', () => {
    const recent = new RecentEvents({ maxEvents: 10, maxBytes: 100_000 });
    recent.add([event(3), event(5)]);
    expect(recent.range(2, 5)).toBeNull();
    expect(recent.range(1, 3)).toBeNull();
    expect(recent.range(4, 6)).toBeNull();
    expect(recent.range(0, 100_000)).toBeNull();
  });

  it('keep no more than they may', () => {
    const recent = new RecentEvents({ maxEvents: 3, maxBytes: 100_000 });
    recent.add([1, 2, 3, 4, 5].map((position) => event(position)));
    expect(recent.range(1, 5)).toBeNull();
    expect(positions(recent.range(2, 5))).toEqual([3, 4, 5]);
  });

  it('keep no more bytes than they may, however few events that is, whatever their data looks like', () => {
    const large = 'x'.repeat(30_000);
    for (const data of [{ large }, { args: [large] }, { record: { files: [{ name: large }] } }, { [large]: 1 }]) {
      const recent = new RecentEvents({ maxEvents: 10, maxBytes: 100_000 });
      recent.add([1, 2, 3, 4].map((position) => event(position, data)));
      expect(recent.range(0, 1)).toBeNull();
      expect(positions(recent.range(1, 4))).toEqual([2, 3, 4]);
    }
  });

  it('keep nothing of an event that is larger than all that they may keep', () => {
    const recent = new RecentEvents({ maxEvents: 10, maxBytes: 100_000 });
    recent.add([event(1), event(2, { large: 'x'.repeat(200_000) }), event(3)]);
    expect(recent.range(1, 2)).toBeNull();
    expect(positions(recent.range(2, 3))).toEqual([3]);
  });
});
