import { expect, test } from '@jest/globals';
import type { Repository } from 'typeorm';
import type { EventLog, RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';
import { FeedSelection } from '../../../src/audit/feed/feed-selection.js';
import { Feed } from '../../../src/audit/feed/feed.js';
import type { LeaseRow } from '../../../src/domain/leases/lease-row.js';
import type { ReadModelGate } from '../../../src/event-sourcing/read-models/read-model-gate.js';

const MEGABYTE = 1024 * 1024;

test('H3: a page of large events ends early, and its cursor leads on through all of them', async () => {
  const data = { large: 'x'.repeat(MEGABYTE) };
  const events = Array.from(
    { length: 300 },
    (_, place) => ({ position: place + 1, companyId: 'acme', type: 'Happened', data }) as unknown as RecordedEvent,
  );
  const read = {
    head: () => Promise.resolve(events.length),
    after: (position: number, { limit }: { limit: number }) =>
      Promise.resolve({ events: events.slice(position, position + limit), hasMore: position + limit < events.length }),
  };
  const unused = {} as unknown;
  const feed = new Feed({ read } as unknown as EventLog, unused as ReadModelGate, unused as Repository<LeaseRow>);
  const seen: number[] = [];
  for (let after = 0, isHead = false; !isHead;) {
    const page = await feed.page(new FeedSelection({ companyId: 'acme' }, []), after, 1_000);
    expect(page.events.length).toBeLessThanOrEqual(8);
    seen.push(...page.events.map(({ position }) => position));
    after = page.position;
    ({ isHead } = page);
  }
  expect(seen).toEqual(events.map(({ position }) => position));
});
