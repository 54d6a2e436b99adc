import { randomUUID } from 'node:crypto';
import { CommandBus } from '@nestjs/cqrs';
import type { INestApplicationContext } from '@nestjs/common';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { AppModule } from '../../../src/app/app.module.js';
import { AcquireLease } from '../../../src/domain/leases/commands/acquire-lease.js';
import { ExpireLease } from '../../../src/domain/leases/commands/expire-lease.js';
import { RenewLease } from '../../../src/domain/leases/commands/renew-lease.js';
import { leaseJson } from '../../../src/domain/leases/lease-json.js';
import { LeaseLiveness } from '../../../src/domain/leases/lease-liveness.js';
import { LeaseStore } from '../../../src/domain/leases/lease-store.js';
import type { Lease } from '../../../src/domain/leases/state.js';
import { secondsAfter } from '../../../src/domain/leases/deadline.js';
import { LeaseholdError } from '../../../src/errors/catalogue.js';
import { readConfig } from '../../../src/platform/config/config.js';
import { createHttpApp } from '../../../src/platform/http/index.js';
import { createTestDatabase } from '../../support/database.js';
import { SECRETS_KEY } from '../../support/service.js';
import { grown } from '../../support/soak.js';

const RACES = grown(40, 1_000);
const AT_ONCE = 10;

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let services: INestApplicationContext[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  const config = readConfig({ LEASEHOLD_SECRETS_KEY: SECRETS_KEY, LEASEHOLD_AUDIT_KEY: SECRETS_KEY });
  for (let n = 0; n < 2; n += 1) {
    const app = await createHttpApp(AppModule.on(database.connection, config));
    await app.listen(0, '127.0.0.1');
    services.push(app);
  }
});
afterAll(async () => {
  await Promise.all(services.map((service) => service.close()));
  services = [];
  await database?.drop();
});

const context = () => ({ actor: 'token:racer', correlationId: randomUUID(), idempotency: null });
const service = (n: number): INestApplicationContext => services[n % services.length] as INestApplicationContext;
const bus = (n: number): CommandBus => service(n).get(CommandBus);

async function leased(n: number): Promise<Lease> {
  const wish = {
    ...{ environmentId: null, heartbeatRunId: null, issueId: null, agentId: null, adapterType: null, metadata: {} },
    ...{ executionWorkspaceId: null, executionWorkspaceMode: null, leasePolicy: 'ephemeral' as const, priority: 0 },
    ...{ ttlSeconds: 3_600, idleTtlSeconds: null, maxTtlSeconds: null, expiryNoticeSeconds: 0 },
  };
  const { lease } = await bus(n).execute(new AcquireLease(randomUUID(), wish, context()));
  return bus(n).execute(new RenewLease(lease.id, 3_601, context()));
}

type Renewed =
  { readonly kind: 'renewed'; readonly expiresAt: string } | { readonly kind: 'refused'; readonly code: string };

async function renewed(n: number, leaseId: string, ttlSeconds: number): Promise<Renewed> {
  try {
    const lease = await bus(n).execute(new RenewLease(leaseId, ttlSeconds, context()));
    return { kind: 'renewed', expiresAt: String(leaseJson(lease).expiresAt) };
  } catch (error) {
    if (error instanceof LeaseholdError) return { kind: 'refused', code: error.code };
    throw error;
  }
}

test.each([
  ['an event', 36_000],
  ['only a row', 3_700],
])(`%s: a renewal and two expiries that meet are decided once, ${RACES} times`, async (kind, ttlSeconds) => {
  const outcomes = { renewed: 0, refused: 0 };
  const race = async (n: number): Promise<void> => {
    const lease = await leased(n);
    const { id } = lease;
    // As if its time had passed: each of the services finds that it has.
    const late = secondsAfter(String(leaseJson(lease).expiresAt), 1);
    const expiries = [0, 1].map((of) => bus(of).execute(new ExpireLease(id, late, context())));
    if (n % 4 === 1) await new Promise((resolve) => setTimeout(resolve, n % 7));
    const [answer] = await Promise.all([renewed(n, id, ttlSeconds), ...expiries]);
    outcomes[answer.kind] += 1;
    const { state: now, version } = await service(n).get(LeaseStore, { strict: false }).current(id);
    if (answer.kind === 'renewed') {
      expect(now.status).toBe('active');
      expect(String(leaseJson(now).expiresAt) >= answer.expiresAt).toBe(true);
    } else {
      expect([answer.code, now.status]).toEqual(['lease_ended', 'expired']);
      expect(await service(n).get(LeaseLiveness, { strict: false }).of(id)).toBeNull();
    }
    expect(version).toBeLessThanOrEqual(7);
    if (kind === 'an event' && answer.kind === 'renewed') expect(version).toBe(4);
  };
  for (let from = 0; from < RACES; from += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => race(from + n)));
  }
  expect(outcomes.renewed + outcomes.refused).toBe(RACES);
  expect(outcomes.refused).toBeGreaterThan(0);
});
