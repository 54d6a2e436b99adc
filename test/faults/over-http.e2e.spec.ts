import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readConfig } from '../../src/platform/config/config.js';
import type { Problem } from '../../src/platform/http/problem.js';
import { EffectQueue } from '../../src/runtime/provisioning/effect-queue.js';
import { type Fault, type FaultHost, startFaultHost } from '../support/fault-host.js';
import { type PoorMachine, withoutTools, workspaceOn } from '../support/faulty-workspace.js';
import { serve, type Service } from '../support/service.js';
import { startSshd, type TestSshd } from '../support/sshd.js';

const SETTINGS = {
  LEASEHOLD_PROVISIONING_RETRY_MS: '[20]',
  LEASEHOLD_CLEANUP_RETRY_MS: '[20]',
  LEASEHOLD_RUNTIME_API_CANDIDATES: '["http://127.0.0.1:9"]',
};

/** For what ends by its budget, up to four times one after another: enough to connect to a host on a slow machine. */
const SHORT = { LEASEHOLD_READINESS_BUDGET_MS: '3000', LEASEHOLD_TRANSPORT_BUDGET_MS: '2500' };
/** For what does not end by its budget, on a machine however slow. */
const LONG = { LEASEHOLD_READINESS_BUDGET_MS: '120000', LEASEHOLD_TRANSPORT_BUDGET_MS: '60000' };

/** A service, and the queue of what it has yet to do. */
interface Served {
  readonly service: Service;
  readonly queue: EffectQueue;
}

async function serveWith(settings: Record<string, string>): Promise<Served> {
  const service = await serve({ ...SETTINGS, ...settings });
  return { service, queue: new EffectQueue(service.connection, readConfig({}), () => undefined) };
}

let hasty: Served;
let patient: Served;
let known: TestSshd;
beforeAll(async () => {
  hasty = await serveWith(SHORT);
  patient = await serveWith(LONG);
  known = await startSshd();
});
afterAll(async () => {
  await known?.stop();
  for (const served of [hasty, patient]) {
    await served?.queue.close();
    await served?.service.close();
  }
});

const toStop: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0)) await stop();
});

const configOf = ({ host, port, username, workspace, privateKey, knownHosts }: TestSshd): Record<string, unknown> => {
  return { host, port, username, remoteWorkspacePath: workspace, privateKey, knownHosts };
};

/** Tries to lease such a host. @returns how that ended, once nothing is left to be done about it */
async function outcome({ service: { api }, queue }: Served, config: object): Promise<string> {
  const companyId = randomUUID();
  const { id: environmentId } = await api.createEnvironment(companyId, { name: 'Host', driver: 'ssh', config });
  const path = `/api/companies/${companyId}/leases`;
  const headers = { Prefer: 'wait=60' };
  const answer = await api.send<Problem & { leaseId: string; reasonCode: string }>(
    'POST',
    path,
    { environmentId },
    headers,
  );
  expect([answer.status, answer.body.code]).toEqual([502, 'lease_acquire_failed']);
  const { leaseId, reasonCode } = answer.body;
  for (;;) {
    const lease = await api.lease(leaseId);
    expect(lease).toMatchObject({ status: 'failed', reasonCode });
    if (![null, 'success', 'irrevocable'].includes(lease.cleanupStatus)) {
      await pause(200);
      continue;
    }
    while ((await queue.size()) > 0) await pause(200);
    return `${reasonCode}, cleanup ${lease.cleanupStatus}`;
  }
}

/** How a lease of a host with the fault ends. */
const ENDS = {
  // Nothing was made, so there is nothing to clean up.
  never_answers: 'host_not_answering, cleanup null',
  drops_in_auth: 'connection_lost, cleanup null',
  // Something may have been made, and the host cannot be asked.
  drops_in_command: 'connection_lost, cleanup irrevocable',
  silent_in_command: 'budget_exceeded, cleanup irrevocable',
} satisfies Partial<Record<Fault, string>>;

/** Nothing but the budget ends what is asked of these. */
const SILENT: readonly Fault[] = ['never_answers', 'silent_in_command'];

async function endOf(fault: Fault): Promise<string> {
  const host: FaultHost = await startFaultHost(fault);
  try {
    const { port, knownHosts } = host;
    const served = SILENT.includes(fault) ? hasty : patient;
    const end = await outcome(served, { ...configOf(known), host: host.host, port, knownHosts });
    await host.abandoned();
    return end;
  } finally {
    await host.stop();
  }
}

/** With the wrong host key, and with a key of ours that the host does not know. */
async function endsWithWrongKeys(): Promise<string[]> {
  const stranger = await startSshd();
  try {
    const { knownHosts, privateKey } = stranger;
    const wrongHost = knownHosts.replace(`:${stranger.port} `, `:${known.port} `);
    return await Promise.all([
      outcome(patient, { ...configOf(known), knownHosts: wrongHost }),
      outcome(patient, { ...configOf(known), privateKey }),
    ]);
  } finally {
    await stranger.stop();
  }
}

describe('over HTTP, a lease of a host', () => {
  /** Most of them wait for a budget to be over: beside each other, and beside the other tests. */
  const ends = new Map<string, Promise<string>>();
  let withWrongKeys: Promise<string[]>;
  beforeAll(() => {
    withWrongKeys = endsWithWrongKeys();
    withWrongKeys.catch(() => undefined);
    for (const fault of Object.keys(ENDS) as (keyof typeof ENDS)[]) {
      const end = endOf(fault);
      // One that fails counts in its test.
      end.catch(() => undefined);
      ends.set(fault, end);
    }
  });
  afterAll(() => Promise.allSettled([withWrongKeys, ...ends.values()]));

  test.each<[string, () => Promise<PoorMachine>, string]>([
    ['whose disk is full', () => workspaceOn('full_disk'), 'disk_full'],
    ['whose workspace is read-only', () => workspaceOn('read_only'), 'workspace_not_writable'],
    ['without curl', () => withoutTools('curl', 'wget'), 'tool_missing'],
    ['from which the service is not reached', () => withoutTools('none'), 'runtime_api_unreachable'],
  ])('%s fails with its own code, and nothing is left there', async (_which, make, reasonCode) => {
    const machine = await make();
    toStop.push(() => machine.remove());
    const sshd = await startSshd({ config: machine.config });
    toStop.unshift(() => sshd.stop());
    const config = { ...configOf(sshd), remoteWorkspacePath: machine.workspace };
    expect(await outcome(patient, config)).toContain(`${reasonCode}, cleanup`);
    const left = await readdir(machine.workspace, { recursive: true });
    expect(left.filter((name) => !/^\.leasehold(\/(leases|ended)(\/[^/]+)?|\/\.gitignore)?$/.test(name))).toEqual([]);
  });

  test.each(Object.entries(ENDS))('with the fault %s ends inside its budget: %s', async (fault, expected) => {
    expect(await ends.get(fault)).toBe(expected);
  });

  test('with the wrong host key, or a key of ours that it does not know, fails at once', async () => {
    expect(await withWrongKeys).toEqual(['host_key_mismatch, cleanup null', 'authentication_failed, cleanup null']);
  });
});

test('over HTTP, a host that drops in the middle of a command says so, and the lease can still be released', async () => {
  const plain = await serve({ ...SETTINGS, ...LONG, LEASEHOLD_RUNTIME_API_CANDIDATES: '' });
  const sshd = await startSshd();
  try {
    const { api } = plain;
    const companyId = randomUUID();
    const wish = { name: 'Host', driver: 'ssh', config: configOf(sshd) };
    const { id: environmentId } = await api.createEnvironment(companyId, wish);
    const { lease } = await api.acquire(companyId, { environmentId });
    const path = `/api/environment-leases/${lease.id}`;
    const cut = api.send<Problem & { reasonCode: string }>('POST', `${path}/execute`, {
      command: 'sh',
      args: ['-c', 'touch begun; sleep 60'],
    });
    while (!(await readdir(sshd.workspace)).includes('begun')) await pause(20);
    await sshd.stop();
    const { status, body } = await cut;
    expect([status, body.code, body.reasonCode]).toEqual([502, 'execution_failed', 'connection_lost']);
    const { lease: ended } = await api.release(lease.id);
    expect(ended).toMatchObject({ status: 'released', lastFailure: { reasonCode: 'host_unreachable' } });
  } finally {
    await plain.close();
    await sshd.stop();
  }
});
