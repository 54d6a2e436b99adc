import { expect, test } from '@jest/globals';
import type { Repository } from 'typeorm';
import type { EnvironmentRow } from '../../../src/domain/environments/environment-row.js';
import type { EnvironmentStore } from '../../../src/domain/environments/environment-store.js';
import {
  ListEnvironments,
  ListEnvironmentsHandler,
} from '../../../src/domain/environments/queries/list-environments.js';
import type { ReadModelGate } from '../../../src/event-sourcing/read-models/read-model-gate.js';

const ENVIRONMENTS = 10_000;
const ONLY = '9500';

test('G9: a page of what environments were looks at a bounded number of rows, and its cursor goes on behind them', async () => {
  let after = 0;
  let looked = 0;
  const rows = {
    findOneBy: ({ id }: { id: string }) =>
      Promise.resolve({ id, createdAt: `2026-11-24T09:30:00.${(after = Number(id))}Z` }),
    find: ({ take }: { take: number }) => {
      looked = Math.min(take, ENVIRONMENTS - after);
      return Promise.resolve(Array.from({ length: looked }, (_, index) => ({ id: String(after + index + 1) })));
    },
  } as unknown as Repository<EnvironmentRow>;
  const gate = { reached: () => Promise.resolve() } as unknown as ReadModelGate;
  const stateOf = (stream: string) =>
    stream.endsWith(`-${ONLY}`) ? { kind: 'present', environment: { id: ONLY } } : { kind: 'deleted' };
  const store = { environments: { manyAsOf: () => Promise.resolve(stateOf) } } as unknown as EnvironmentStore;
  const handler = new ListEnvironmentsHandler(rows, gate, store);
  const ids: string[] = [];
  let pages = 0;
  for (let cursor: string | null = null; pages === 0 || cursor !== null; pages += 1) {
    const page = await handler.execute(new ListEnvironments('a company', {}, 50, cursor, null, ENVIRONMENTS));
    expect(looked).toBeLessThanOrEqual(1_000);
    ids.push(...page.environments.map(({ id }) => id));
    cursor = page.nextAfterId;
  }
  expect(ids).toEqual([ONLY]);
  expect(pages).toBe(11);
});
