import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Acquired } from '../support/api.js';
import { expectSoundLog } from '../support/fold-of-log.js';
import { startSshd, type TestSshd } from '../support/sshd.js';
import { leasesOnHost } from '../support/ssh-host.js';
import { expectHistoryExplained } from '../audit/history/expect-explained.js';
import { IS_SOAK } from '../support/soak.js';
import { StepsUnderKill } from '../support/steps-under-kill.js';

const QUEUES = IS_SOAK ? ['postgres', 'redis'] : ['postgres'];

describe.each(QUEUES)('killed at every step, with the queue on %s', (backend) => {
  let service: StepsUnderKill;
  let sshd: TestSshd;

  beforeAll(async () => {
    sshd = await startSshd();
    service = await StepsUnderKill.on(backend);
  });
  afterAll(async () => {
    await service?.close();
    await sshd?.stop();
  });

  async function environment(companyId: string): Promise<string> {
    const { host, port, username, workspace, privateKey, knownHosts } = sshd;
    const config = { host, port, username, remoteWorkspacePath: workspace, privateKey, knownHosts };
    return (await service.api.createEnvironment(companyId, { name: 'Host', driver: 'ssh', config })).id;
  }

  /** Acquire, execute, release: a whole life; and what the log says of it: made once, taken back, and nothing left open. */
  async function live(environmentId: string, companyId: string): Promise<void> {
    const wish = { environmentId, heartbeatRunId: randomUUID() };
    const { lease } = await service.persist<Acquired>(`/api/companies/${companyId}/leases`, wish, [201, 202]);
    const active = await service.until(lease.id, ({ status }) => status === 'active');
    expect(await leasesOnHost(sshd.workspace)).toContain(lease.id);
    // What an execution that was cut off answers when it is repeated is another test's business.
    await service.persist(`/api/environment-leases/${lease.id}/execute`, { command: 'true', args: [] }, [200, 409]);
    await service.persist(`/api/environment-leases/${lease.id}/release`, {}, [200]);
    const ended = await service.until(lease.id, ({ cleanupStatus }) => cleanupStatus === 'success');
    expect(ended).toMatchObject({ status: 'released', reasonCode: 'released_by_caller', fence: active.fence });
    expect(await leasesOnHost(sshd.workspace)).not.toContain(lease.id);

    const types = await service.typesOf(ended);
    const count = (type: string): number => types.filter((one) => one === type).length;
    expect([count('LeaseRequested'), count('LeaseActivated'), count('LeaseReleased')]).toEqual([1, 1, 1]);
    expect(count('ProvisioningStarted')).toBeGreaterThan(0);
    expect(count('CleanupSucceeded')).toBe(1);
    expect(types.indexOf('CleanupSucceeded')).toBeGreaterThan(types.indexOf('CleanupRequested'));
  }

  test.each(['worker', 'api'] as const)('the %s: every lease ends as was asked, made once and gone', async (role) => {
    const companyId = randomUUID();
    const environmentId = await environment(companyId);
    await service.killAtEveryStep(role, () => live(environmentId, companyId));
    expect(await leasesOnHost(sshd.workspace)).toEqual([]);
  });

  test('every command that began has one end', async () => {
    const idsOf = async (types: RegExp): Promise<string[]> =>
      (await service.witness.events())
        .filter(({ type }) => types.test(type))
        .map(({ data }) => (data as { executionId: string }).executionId)
        .sort();
    const began = await idsOf(/^ExecutionStarted$/);
    const ended = (): Promise<string[]> => idsOf(/^Execution(Finished|Failed)$/);
    while ((await ended()).length < began.length) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await ended()).toEqual(began);
  });

  test('after all that, the log is sound and the read models are its fold', async () => {
    const events = await service.witness.events();
    expectSoundLog(events);
    await service.witness.expectTablesToBeTheFold(events);
  });

  test('every state that a lease was in is the fold of its events, every end has a reason, and a bundle tells the same', async () => {
    await expectHistoryExplained(service.api, await service.witness.events());
  });
});
