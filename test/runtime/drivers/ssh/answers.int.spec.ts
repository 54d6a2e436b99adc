import { PassThrough, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ServerChannel } from 'ssh2';
import { afterMark, type Marked } from '../../../../src/runtime/drivers/ssh/marked-output.js';
import { signalNamed } from '../../../../src/runtime/drivers/signal-name.js';
import { SshConnection, type SshEndpoint } from '../../../../src/runtime/drivers/ssh/ssh-connection.js';
import { SshDriver } from '../../../../src/runtime/drivers/ssh/ssh-driver.js';
import type { EffectRequest, ExecutionResult } from '../../../../src/domain/driver-contract/runtime-driver.js';
import { newId } from '../../../../src/event-sourcing/ids/new-id.js';
import { ANY_ADDRESS } from '../../../support/any-address.js';
import { IS_SOAK, turns } from '../../../support/soak.js';
import { startSayingHost, type Saying, type SayingHost } from '../../../support/saying-host.js';
import { PRIVATE_KEY } from './private-key.js';
import { NEVER } from './host-under-test.js';

const MIB = 1024 * 1024;
const BUDGETS = { readinessMs: 60_000, executionMs: 60_000, transportMs: 30_000 };

let host: SayingHost;
let driver: SshDriver;
beforeAll(async () => {
  host = await startSayingHost();
  driver = new SshDriver({ read: () => Promise.resolve(PRIVATE_KEY) }, BUDGETS, [], ANY_ADDRESS);
});
afterAll(async () => {
  await driver?.close();
  await host?.stop();
});

function request(): EffectRequest {
  const privateKeySecretRef = { type: 'secret_ref', secretId: newId(), version: 'latest' };
  const { port, knownHosts } = host;
  const place = { host: '127.0.0.1', port, username: 'u', remoteWorkspacePath: '/w', knownHosts, privateKeySecretRef };
  const verdict = driver.validateConfig(place);
  if (verdict.kind === 'invalid') throw new Error(JSON.stringify(verdict.errors));
  return {
    ...{ companyId: newId(), leaseId: newId(), effectId: newId(), environmentId: newId(), heartbeatRunId: null },
    ...{ config: verdict.config, fence: 1, endsAt: null, signal: AbortSignal.timeout(20_000) },
  };
}

function execute(timeoutMs = 10_000): Promise<ExecutionResult> {
  const { companyId, leaseId, config } = request();
  const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });
  const lease = { companyId, leaseId, fence: 1, providerLeaseId: null, teardown: config };
  const streams = { stdin: null, stdout: nowhere(), stderr: nowhere() };
  return driver.execute({ lease, command: 'true', args: [], cwd: null, env: {}, timeoutMs, signal: NEVER, ...streams });
}

describe('a host that does not end what it says', () => {
  const LONG = { failureClass: 'permanent', reasonCode: 'driver_failed', inDoubt: true };

  test.each(['stderr', 'stdout'] as const)(
    'in the line of its mark (%s) is not listened to any longer',
    async (stream) => {
      host.say = (channel, mark) => {
        if (stream === 'stdout') channel.stderr.write(`${mark}started\n`);
        const output = stream === 'stdout' ? channel : channel.stderr;
        output.write(mark);
        output.write(Buffer.alloc(16 * MIB, 'A'));
      };
      await expect(execute()).rejects.toMatchObject(LONG);
      host.say = ({ stderr }, mark) => void stderr.write(`${mark}failed=stale_fence ${'A'.repeat(MIB)}`);
      if (stream === 'stderr') await expect(execute()).rejects.toMatchObject(LONG);
    },
  );

  test('in an answer is not listened to any longer', async () => {
    host.say = (channel, mark) => {
      channel.write(`${mark}\n`);
      channel.write(Buffer.alloc(16 * MIB, 'A'));
    };
    await expect(driver.acquire(request())).rejects.toMatchObject(LONG);
  });
});

test('a command, or an answer, that comes whole in one packet is not waited for any longer', async () => {
  host.say = (channel, mark) => {
    channel.stderr.write(`${mark}started\n`);
    channel.write(`${mark}\nok=\n`);
    channel.exit(0);
    finish(channel);
  };
  expect(await execute()).toEqual({ exitCode: 0, signal: null, timedOut: false });
  expect(await driver.acquire(request())).toMatchObject({ metadata: { username: 'u' } });
});

test('a signal has one name, however a host says it', async () => {
  host.say = (channel, mark) => {
    channel.stderr.write(`${mark}started\n`);
    channel.write(`${mark}\n`);
    channel.exit('KILL', false, '');
    finish(channel);
  };
  expect(await execute()).toEqual({ exitCode: null, signal: 'SIGKILL', timedOut: false });
  const said = ['KILL', 'SIGKILL', 'sigkill', 'SIGSIGTERM', 'RTMIN+1', '\u001b[2J\n'];
  expect(said.map(signalNamed)).toEqual(['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGRTMIN+1', 'SIGUNKNOWN']);
});

const MARK = 'leasehold-0123456789abcdef01234567:';
const isAnswer = (line: string): boolean => line === 'started' || line.startsWith('failed=');

/** The same in the plainest way, of the whole. */
function plainly(whole: Buffer): { line: string; rest: Buffer } | null {
  for (let at = whole.indexOf(MARK); at !== -1; at = whole.indexOf(MARK, at + 1)) {
    const end = whole.indexOf('\n', at);
    if (end === -1) return null;
    const line = whole.subarray(at + MARK.length, end).toString('utf8');
    if (isAnswer(line)) return { line, rest: whole.subarray(end + 1) };
    at = end;
  }
  return null;
}

async function inChunks(whole: Buffer, cuts: readonly number[]): Promise<Marked> {
  const stream = new PassThrough();
  const found = afterMark(stream, MARK, isAnswer);
  let from = 0;
  for (const cut of [...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length]) {
    if (cut > from) stream.write(whole.subarray(from, cut));
    from = Math.max(from, cut);
  }
  stream.end();
  const marked = await found;
  if (!marked.found) return marked;
  const left = (await stream.toArray()) as Buffer[];
  return { ...marked, rest: Buffer.concat([marked.rest, ...left]) };
}

test('what a host says is read alike in whatever pieces it comes', async () => {
  const piece = fc.oneof(
    ...[
      MARK,
      `${MARK}started\n`,
      `${MARK}failed=stale_fence It has ended.\n`,
      MARK.slice(0, -1),
      '\n',
      'started\n',
    ].map((text) => fc.constant(Buffer.from(text))),
    fc.uint8Array({ maxLength: 3_000 }).map((bytes) => Buffer.from(bytes)),
  );
  const pieces = fc.array(piece, { maxLength: 12 }).map((all) => Buffer.concat(all));
  await fc.assert(
    fc.asyncProperty(pieces, fc.array(fc.nat(), { maxLength: 20 }), async (whole, cuts) => {
      const [expected, marked] = [plainly(whole), await inChunks(whole, cuts)];
      expect(marked.found && { line: marked.line, rest: marked.rest }).toEqual(expected ?? false);
    }),
    turns(200, 20_000),
  );
});

/** Whole answers of a host: what it says on each stream before and after its mark, up to 1 MiB in all. */
const bulk = fc.record({
  of: fc.oneof(
    fc.constantFrom('A', '\n', '\0', 'x\n', '\u00ff', `${MARK}\n`, 'MARK', 'MARK\n', 'MARKstarted\n', 'MAR'),
    fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }),
  ),
  bytes: fc.constantFrom(0, 1, 1_000, 65_536, MIB / 2),
  /** Bytes that are sent at once. */
  at: fc.constantFrom(1, 100, 32_768),
});
type Bulk = typeof bulk extends fc.Arbitrary<infer Value> ? Value : never;
const answers = fc.record({
  before: bulk,
  line: fc.constantFrom('', '\n', 'started\n', 'failed=disk_full full\n', 'failed=\n', 'failed=x'),
  after: bulk,
  exit: fc.constantFrom(0, 1, 75, 137, 255, null),
});

function saying({
  before,
  line,
  after,
  exit,
}: typeof answers extends fc.Arbitrary<infer Value> ? Value : never): Saying {
  return (channel, mark) => {
    for (const stream of [channel, channel.stderr]) {
      sayBulk(stream, before, mark);
      stream.write(`${mark}${stream === channel ? '\n' : line}`);
      sayBulk(stream, after, mark);
    }
    if (exit !== null) channel.exit(exit);
    finish(channel);
  };
}

/** ssh2 closes a channel at the end of its output, whatever has become of the other stream. */
function finish(channel: ServerChannel): void {
  channel.stderr.end(() => channel.end());
}

function sayBulk(stream: Pick<ServerChannel, 'write'>, { of, bytes, at }: Bulk, mark: string): void {
  const unit = Buffer.from(of.replace('MARK', mark).replace('MAR', mark.slice(0, -1)));
  const whole = Buffer.alloc(Math.floor(bytes / 2), unit);
  // So many small packets cost more than all else; what is small in them is the same in the first of them.
  const small = at === 1 ? 4_000 : whole.length;
  for (let from = 0; from < small; from += at) stream.write(whole.subarray(from, Math.min(from + at, small)));
  if (small < whole.length) stream.write(whole.subarray(small));
}

async function cpuMs(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work().catch(() => undefined);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

async function readPlainly(): Promise<void> {
  const { port, knownHosts } = host;
  const endpoint: SshEndpoint = {
    ...{ host: '127.0.0.1', port, username: 'u', privateKey: PRIVATE_KEY, knownHosts, strictHostKeyChecking: true },
  };
  const connection = await SshConnection.open(endpoint, 30_000, ANY_ADDRESS);
  await connection.exec(`true ${MARK}`, NEVER, (channel) => {
    channel.stderr.resume();
    return new Promise((resolve) => channel.resume().once('close', resolve));
  });
  connection.destroy();
}

test('nothing that a host says, up to 1 MiB, takes long to read or much memory', async () => {
  const memory = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external;
  await fc.assert(
    fc.asyncProperty(answers, async (answer) => {
      host.say = saying(answer);
      const before = memory();
      let most = 0;
      const watch = setInterval(() => (most = Math.max(most, memory() - before)), 5);
      const baseline = await cpuMs(readPlainly);
      const taken = await cpuMs(() => Promise.allSettled([execute(), driver.acquire(request())]));
      clearInterval(watch);
      // Of the machine's load this knows nothing: it is time on the processor, of the same bytes in the same run.
      expect(taken).toBeLessThan(10 * baseline + 500);
      expect(most).toBeLessThan(64 * MIB);
    }),
    { ...turns(6, 500), endOnFailure: !IS_SOAK },
  );
});
