import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { CommandBus } from '@nestjs/cqrs';
import { AppModule } from '../src/app/app.module.js';
import { readConfig } from '../src/platform/config/config.js';
import { CreateEnvironment } from '../src/domain/environments/commands/create-environment.js';
import { FOR_LEASES } from '../src/domain/environments/decide.js';
import { createHttpApp } from '../src/platform/http/index.js';
import { newId } from '../src/event-sourcing/ids/new-id.js';
import { AcquireLease } from '../src/domain/leases/commands/acquire-lease.js';
import { ReleaseLease } from '../src/domain/leases/commands/release-lease.js';
import { LeaseWaiter } from '../src/domain/leases/lease-waiter.js';
import type { TestSshd } from '../test/support/sshd.js';
import type { Runnable } from './measure.js';
import type { Connection } from './own-postgres.js';

const PATIENCE_MS = 60_000;
/** One for all services of a run: they have one database. */
const SECRETS_KEY = randomBytes(32).toString('base64');

/**
 * Leases on the host through the whole service: command bus, log, queue, worker, driver, and back. A call ends when the
 * lease has been active and its folder on the host has been taken back.
 * @param redisUrl null: the queue is in Postgres
 */
export async function sshService(connection: Connection, redisUrl: string | null, sshd: TestSshd): Promise<Runnable> {
  const keys = { LEASEHOLD_SECRETS_KEY: SECRETS_KEY, LEASEHOLD_AUDIT_KEY: SECRETS_KEY };
  const config = readConfig({ ...keys, ...(redisUrl !== null && { REDIS_URL: redisUrl }) });
  const app = await createHttpApp(AppModule.on(connection, config));
  await app.listen(0, '127.0.0.1');
  const [commands, waiter] = [app.get(CommandBus), app.get(LeaseWaiter, { strict: false })];
  const companyId = newId();
  const context = () => ({ actor: 'bench:ssh', correlationId: newId(), idempotency: null });
  const { host, port, username, privateKey, knownHosts, workspace: remoteWorkspacePath } = sshd;
  const wanted = {
    ...{ name: 'Host', description: null, metadata: null, driver: 'ssh' as const, ...FOR_LEASES },
    config: { host, port, username, privateKey, knownHosts, remoteWorkspacePath },
  };
  const { id: environmentId } = await commands.execute(new CreateEnvironment(companyId, wanted, context()));
  const wish = { ...LEASE, environmentId };
  return {
    name: `service, queue on ${redisUrl === null ? 'Postgres' : 'Redis'}`,
    async call(timed) {
      const lease = await timed('acquire, until active', async () => {
        const asked = await commands.execute(new AcquireLease(companyId, wish, context()));
        return waiter.until(asked.lease, ({ status }) => status === 'active' || status === 'failed', PATIENCE_MS);
      });
      const ended = await timed('release, until cleaned', async () => {
        const ending = { outcome: 'released', reasonCode: null, failureReason: null } as const;
        const asked = await commands.execute(new ReleaseLease(lease.id, ending, context()));
        return waiter.until(asked.lease, ({ status }) => status !== 'releasing', PATIENCE_MS);
      });
      if (lease.status !== 'active' || ended.cleanupStatus !== 'success') {
        throw new Error(
          `A lease was ${lease.status}, and then ${ended.status}: ${ended.cleanupStatus ?? 'not cleaned'}.`,
        );
      }
    },
    close: () => app.close(),
  };
}

const LEASE = {
  heartbeatRunId: null,
  issueId: null,
  agentId: null,
  adapterType: null,
  executionWorkspaceId: null,
  executionWorkspaceMode: null,
  leasePolicy: 'ephemeral',
  priority: 0,
  ttlSeconds: 3_600,
  idleTtlSeconds: null,
  maxTtlSeconds: null,
  expiryNoticeSeconds: 0,
  metadata: {},
} as const;
