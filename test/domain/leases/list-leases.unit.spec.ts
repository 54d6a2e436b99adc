import { expect, test } from '@jest/globals';
import type { Repository } from 'typeorm';
import type { LeaseRow } from '../../../src/domain/leases/lease-row.js';
import type { LeaseStore } from '../../../src/domain/leases/lease-store.js';
import { ListLeases, ListLeasesHandler } from '../../../src/domain/leases/queries/list-leases.js';
import type { ReadModelGate } from '../../../src/event-sourcing/read-models/read-model-gate.js';

const LEASES = 100_000;

test('M6: a page of what leases were looks at a bounded number of rows, and its cursor goes on behind them', async () => {
  let looked = 0;
  const rows = {
    find: ({ where: { fence }, take }: { where: { fence: { value: number } }; take: number }) => {
      const newest = Math.min(LEASES, fence.value - 1);
      const found = Array.from({ length: Math.min(take, newest) }, (_, index) => {
        const lease = { fence: newest - index, status: newest - index === 95_000 ? 'failed' : 'released', position: 1 };
        return { id: String(lease.fence), fence: lease.fence, lease };
      });
      looked = found.length;
      return Promise.resolve(found);
    },
  } as unknown as Repository<LeaseRow>;
  const gate = { reached: () => Promise.resolve() } as unknown as ReadModelGate;
  const leases = { leases: { manyAsOf: () => Promise.resolve(() => null) } } as unknown as LeaseStore;
  const handler = new ListLeasesHandler(rows, gate, leases);
  const fences: number[] = [];
  let pages = 0;
  for (let before: number | null = null; pages === 0 || before !== null; pages += 1) {
    const page = await handler.execute(new ListLeases({ statuses: ['failed'] }, 50, before, null, LEASES));
    expect(looked).toBeLessThanOrEqual(1_000);
    fences.push(...page.leases.map((lease) => lease.fence));
    before = page.nextBeforeFence;
  }
  expect(fences).toEqual([95_000]);
  expect(pages).toBe(101);
});
