import { readdir } from 'node:fs/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import ssh2 from 'ssh2';
import { runScript } from '../../src/runtime/drivers/ssh/remote-command.js';
import { ACQUIRE } from '../../src/runtime/drivers/ssh/remote-scripts.js';
import type { SshConnection, SshEndpoint } from '../../src/runtime/drivers/ssh/ssh-connection.js';
import { SshPool } from '../../src/runtime/drivers/ssh/ssh-pool.js';
import { newId } from '../../src/event-sourcing/ids/new-id.js';
import { ANY_ADDRESS } from '../support/any-address.js';
import { type Fault, type FaultHost, startFaultHost } from '../support/fault-host.js';
import { type PoorMachine, withoutTools, workspaceOn } from '../support/faulty-workspace.js';
import { freePort } from '../support/free-port.js';
import { startSshd, type TestSshd } from '../support/sshd.js';

/** Long enough for every step that works, on a slow machine too. */
const BUDGET_MS = 10_000;
/** For hosts of which no step works. */
const SHORT_BUDGET_MS = 500;
const anyKey = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).private;
const otherKey = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).public;

let host: FaultHost | undefined;
let sshd: TestSshd | undefined;
let pool: SshPool;

afterEach(async () => {
  await pool.close();
  await host?.stop();
  await sshd?.stop();
  [host, sshd] = [undefined, undefined];
});

function endpointOf(
  at: Pick<SshEndpoint, 'host' | 'port' | 'knownHosts'>,
  changes: Partial<SshEndpoint> = {},
): SshEndpoint {
  const { host, port, knownHosts } = at;
  return { host, port, knownHosts, username: 'somebody', privateKey: anyKey, strictHostKeyChecking: true, ...changes };
}

/** What becomes of the simplest command there, by a pool that has nothing left of it afterwards. */
async function outcome(
  endpoint: SshEndpoint,
  signal: AbortSignal = new AbortController().signal,
  onConnected: (connection: SshConnection) => void = () => undefined,
  budgetMs = BUDGET_MS,
): Promise<unknown> {
  pool = new SshPool(budgetMs, ANY_ADDRESS);
  const work = (connection: SshConnection): Promise<string> => {
    onConnected(connection);
    return runScript(connection, { name: 'answer', text: 'echo answered' }, [], signal);
  };
  const answer = pool.use(endpoint, work, signal);
  return answer.catch((error: unknown) => error);
}

describe('a host with a fault', () => {
  const silent = { reasonCode: 'host_not_answering', inDoubt: false };
  const FAULTS: [Fault, string, object, number][] = [
    ['never_answers', 'accepts and never answers', silent, SHORT_BUDGET_MS],
    ['silent_after_banner', 'says its name and no more', silent, SHORT_BUDGET_MS],
    ['drops_in_auth', 'drops while it is to let us in', { reasonCode: 'connection_lost', inDoubt: false }, BUDGET_MS],
    ['drops_in_command', 'drops in a command', { reasonCode: 'connection_lost', inDoubt: true }, BUDGET_MS],
  ];

  it.each(FAULTS)('%s: one that %s has its own code, and no connection is left', async (fault, _, expected, budget) => {
    host = await startFaultHost(fault);
    expect(await outcome(endpointOf(host), undefined, undefined, budget)).toMatchObject({
      name: 'DriverError',
      failureClass: 'transient',
      ...expected,
    });
    await host.abandoned();
    expect(pool.size).toBe(0);
  });

  it('that is silent in a command is waited for as long as the budget says', async () => {
    host = await startFaultHost('silent_in_command');
    const budget = new AbortController();
    const why = new Error('the budget is used up');
    const answer = outcome(endpointOf(host), budget.signal, () => budget.abort(why));
    expect(await answer).toMatchObject({ reasonCode: 'host_not_answering', message: why.message });
    await pool.close();
    await host.abandoned();
  });

  it('that is not there is unreachable', async () => {
    const nowhere = { host: '127.0.0.1', port: await freePort(), knownHosts: null };
    const expected = { failureClass: 'transient', reasonCode: 'host_unreachable', inDoubt: false };
    expect(await outcome(endpointOf(nowhere))).toMatchObject(expected);
    expect(pool.size).toBe(0);
  });
});

describe('a real sshd', () => {
  it('with another host key than the known one, or with none known, is refused before any key of ours is shown', async () => {
    sshd = await startSshd();
    const refused = { failureClass: 'config', reasonCode: 'host_key_mismatch', inDoubt: false };
    const line = `[${sshd.host}]:${sshd.port} ${otherKey}`;
    for (const knownHosts of [line, null]) {
      const error = await outcome(
        endpointOf(sshd, { username: sshd.username, privateKey: sshd.privateKey, knownHosts }),
      );
      expect(error).toMatchObject({ ...refused, message: expect.stringContaining('SHA256:') as unknown });
      expect(pool.size).toBe(0);
    }
  });

  it('does not let in a key that it does not know, nor does a key that is none get that far', async () => {
    sshd = await startSshd();
    const refused = { failureClass: 'auth', reasonCode: 'authentication_failed', inDoubt: false };
    for (const privateKey of [anyKey, sshd.privateKey.slice(0, 120), 'no key at all']) {
      const error = await outcome(endpointOf(sshd, { username: sshd.username, privateKey }));
      expect(error).toMatchObject(refused);
      expect(String(error)).not.toContain(privateKey.slice(-40));
      expect(pool.size).toBe(0);
    }
  });

  it('answers, and when it has gone it is unreachable', async () => {
    sshd = await startSshd();
    const { username, privateKey } = sshd;
    const endpoint = endpointOf(sshd, { username, privateKey });
    expect(await outcome(endpoint)).toBe('answered');
    await pool.close();
    await sshd.stop();
    const gone = await outcome(endpoint);
    expect(gone).toMatchObject({ reasonCode: 'host_unreachable' });
  });
});

describe('acquiring on a machine', () => {
  const POOR: [string, () => Promise<PoorMachine>, string][] = [
    ['whose disk is full', () => workspaceOn('full_disk'), 'failed=disk_full'],
    ['whose workspace is read-only', () => workspaceOn('read_only'), 'failed=workspace_not_writable'],
    ['without curl and wget', () => withoutTools('curl', 'wget'), 'failed=tool_missing'],
  ];

  it.each(POOR)('%s fails with its own code, and no lease is left in the workspace', async (_, make, expected) => {
    const machine = await make();
    try {
      sshd = await startSshd({ config: machine.config });
      const { username, privateKey } = sshd;
      pool = new SshPool(BUDGET_MS, ANY_ADDRESS);
      const words = [machine.workspace, newId(), newId(), '1', 'false', 'http://127.0.0.1:9'];
      const never = new AbortController().signal;
      const endpoint = endpointOf(sshd, { username, privateKey });
      const work = (connection: SshConnection): Promise<string> => runScript(connection, ACQUIRE, words, never);
      const answer = await pool.use(endpoint, work, never);
      expect(answer).toContain(expected);
      const left = await readdir(machine.workspace, { recursive: true });
      expect(left.filter((name) => !/^\.leasehold(\/leases|\/ended|\/\.gitignore)?$/.test(name))).toEqual([]);
    } finally {
      await machine.remove();
    }
  });
});
