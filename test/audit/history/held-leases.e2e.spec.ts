import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Why } from '../../../src/audit/history/why.js';
import { serve, type Service } from '../../support/service.js';

let service: Service;
beforeAll(async () => {
  service = await serve();
});
afterAll(() => service?.close());

test('M6: who held an environment then is told without a look at all the leases that it ever had', async () => {
  const { api } = service;
  const companyId = randomUUID();
  const { id: environmentId } = await api.createSandbox(companyId);
  const why = (at: number): Promise<Why> => api.expect(200, 'GET', `/api/environments/${environmentId}/why?at=${at}`);
  const acquire = async (): Promise<{ id: string; position: number }> => {
    const { lease } = await api.acquire(companyId, { environmentId });
    return { id: lease.id, position: lease.position };
  };
  const settled: string[] = [];
  for (let count = 0; count < 30; count += 1) {
    const { id } = await acquire();
    settled.push(id);
    await api.release(id);
  }
  const [gone, stays] = [await acquire(), await acquire()];
  const { position } = await api.release(gone.id);
  const later = await acquire();

  const cases: [number, string[], string[]][] = [
    [stays.position, [gone.id, stays.id], [later.id]],
    [position, [stays.id], [gone.id, later.id]],
    [later.position, [stays.id, later.id], [gone.id]],
  ];
  for (const [at, held, free] of cases) {
    const { sentence, blockedBy } = await why(at);
    expect(held.every((id) => sentence.includes(id))).toBe(true);
    expect([...free, ...settled].some((id) => sentence.includes(id))).toBe(false);
    expect(blockedBy?.reasonCode).toBe('environment_in_use');
  }
});
