import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DriverError } from '../../../../src/domain/driver-contract/driver-error.js';
import { PluginDriver } from '../../../../src/runtime/drivers/plugin/plugin-driver.js';
import type { PluginPackage } from '../../../../src/runtime/drivers/plugin/plugin-package.js';
import type { PluginWorker } from '../../../../src/runtime/drivers/plugin/plugin-worker.js';
import { Redaction } from '../../../../src/runtime/drivers/plugin/redaction.js';
import { WorkerConnection, type WorkerCall } from '../../../../src/runtime/drivers/plugin/worker-connection.js';
import { WorkerLog } from '../../../../src/runtime/drivers/plugin/worker-log.js';
import { turns } from '../../../support/soak.js';
import { NEVER } from './plugins-under-test.js';

const MIB = 1024 ** 2;
const MOST_GROWTH = 64 * MIB;
/** Characters of an answer that goes on into a response or an event, besides what a command prints. */
const MOST_KEPT = 300 * 1024;

const text = (length: number, of: string): string => of.repeat(Math.ceil(length / of.length)).slice(0, length);
const SECRET = 'the-secret-of-this-config';

/** Texts of JSON values, as workers that mean no harm would not write them. */
const aValue = fc.oneof(
  { arbitrary: fc.json(), weight: 4 },
  {
    arbitrary: fc.constantFrom(
      ...['null', 'true', '0', '-0', '1e999', '1e300', '""', '[]', '{}', '"\\ud800"', '"\\u0000"', '"+275760-09-13"'],
      ...['{"toString":1,"valueOf":2}', '{"__proto__":{"x":1}}', '{"length":1e9}', '{"then":{}}', `"${SECRET}"`],
      ...['"stdout"', '"/tmp"', '"leasehold-1"'],
    ),
    weight: 6,
  },
  fc.integer({ min: 1, max: 400_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  fc.integer({ min: 1, max: 150_000 }).map((depth) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`),
  fc
    .integer({ min: 1, max: 70_000 })
    .map((many) => `{${Array.from({ length: many }, (_, at) => `"k${at}":1`).join()}}`),
  fc.integer({ min: 1, max: 300_000 }).map((many) => `[${'{},'.repeat(many)}{}]`),
  fc
    .tuple(fc.integer({ min: 1, max: MIB }), fc.constantFrom('x', '\\"', '\\\\', '(', '1 ', ' ', 'ü', SECRET))
    .map(([length, of]) => `"${text(length - (length % of.length), of)}"`),
);

const FIELDS = [
  ...['ok', 'summary', 'diagnostics', 'metadata', 'errors', 'normalizedConfig', 'providerLeaseId', 'expiresAt', 'cwd'],
  ...['exitCode', 'signal', 'timedOut', 'stdout', 'stderr', 'code', 'message'],
];
const RIGHT: Record<string, string> = {
  ...{ ok: 'true', summary: '"well"', diagnostics: '[]', metadata: '{}', errors: '[]', normalizedConfig: '{}' },
  ...{ providerLeaseId: '"one"', expiresAt: 'null', cwd: '"/tmp"', exitCode: '0', signal: 'null', timedOut: 'false' },
  ...{ stdout: '""', stderr: '""', code: '-32002', message: '"no room"' },
};
/** All that answers have, and one or two fields of it wrong. */
const anAnswer = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...FIELDS), aValue), { maxLength: 2, selector: ([field]) => field })
  .map((wrong) => object({ ...RIGHT, ...Object.fromEntries(wrong) }));
const anId = fc.oneof({ arbitrary: fc.constantFrom('"leasehold-1"', '"leasehold-2"'), weight: 5 }, aValue);
const aMessage = fc.oneof(
  fc.record({ id: anId, result: fc.oneof(anAnswer, aValue) }),
  fc.record({ id: anId, error: fc.oneof(anAnswer, aValue) }),
  fc.record({ id: anId, method: fc.oneof(fc.constantFrom('"log"', '"secrets.resolve"'), aValue) }),
  fc.record({
    method: fc.oneof(fc.constantFrom('"log"', '"execute.log"'), aValue),
    paperclipInvocationId: anId,
    params: fc.record({ level: aValue, message: aValue, stream: aValue, chunk: aValue }).map(object),
  }),
);
const aLine = fc.oneof(
  { arbitrary: aMessage.map((message) => object({ jsonrpc: '"2.0"', ...message })), weight: 8 },
  aValue,
  fc.constant('\n'.repeat(1_000)),
);
const said = fc
  .array(
    fc.oneof(
      { arbitrary: aLine.map((line) => Buffer.from(`${line}\n`)), weight: 8 },
      fc.uint8Array({ maxLength: 64 }).map((some) => Buffer.from(some)),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((lines) => Buffer.concat(lines).subarray(0, MIB));
const sizes = fc.array(fc.oneof(fc.constantFrom(1, 65_536), fc.integer({ min: 1_024, max: 65_536 })), {
  minLength: 1,
  maxLength: 20,
});

function object(fields: Record<string, string>): string {
  return `{${Object.entries(fields)
    .map(([name, value]) => `"${name}":${value}`)
    .join()}}`;
}

/** A plugin's driver, whose worker says what the test says. */
function talkative(): { driver: PluginDriver; say: (chunk: Buffer) => void; end: () => void; log: string[] } {
  const streams = { stdin: new PassThrough().resume(), stdout: new EventEmitter(), stderr: new PassThrough() };
  const log: string[] = [];
  const redaction = new Redaction();
  redaction.add(Array.from({ length: 1_000 }, (_, at) => `secret of an environment, number ${at}`));
  const end = (): void => connection.end(new DriverError('transient', 'connection_lost', 'It ended.', true));
  const connection = new WorkerConnection(
    streams as unknown as ConstructorParameters<typeof WorkerConnection>[0],
    new WorkerLog('talkative', redaction, (line) => log.push(line)),
    end,
  );
  const worker = {
    call: (call: WorkerCall, secrets: readonly string[]) => connection.call({ ...call, secrets }),
    methods: () => Promise.resolve(new Set<string>()),
  };
  const driver = new PluginDriver(
    'sandbox',
    { key: 'talkative' } as PluginPackage,
    { driverKey: 'talkative', displayName: 'Talkative' },
    worker as unknown as PluginWorker,
    { read: () => Promise.resolve(SECRET) },
    { readinessMs: 60_000, executionMs: 60_000, transportMs: 60_000 },
    1_000,
    '/nonexistent',
  );
  return { driver, say: (chunk) => void streams.stdout.emit('data', chunk), end, log };
}

const companyId = randomUUID();
const lease = {
  ...{ companyId, leaseId: randomUUID(), fence: 1, providerLeaseId: 'one', environmentId: randomUUID(), signal: NEVER },
  teardown: { environmentId: randomUUID(), config: {}, leaseMetadata: {} },
};
const effect = { ...lease, effectId: randomUUID(), heartbeatRunId: null, config: {}, endsAt: null };
const CALLS: Record<string, (driver: PluginDriver) => Promise<unknown>> = {
  probe: (driver) => driver.probe({ ...effect, environmentId: 'unsaved' }),
  validateConfig: async (driver) => driver.validateConfig({ provider: 'talkative' }, companyId),
  acquire: (driver) => driver.acquire(effect),
  resume: (driver) => driver.resume({ ...effect, from: lease }),
  suspend: (driver) => driver.suspend(lease),
  release: (driver) => driver.release(lease),
  realizeWorkspace: (driver) => driver.realizeWorkspace(lease, { localPath: null, mode: null, signal: NEVER }),
  execute: (driver) => {
    const [stdout, stderr] = [new PassThrough().resume(), new PassThrough().resume()];
    const command = { lease, command: 'true', args: [], cwd: null, env: {}, stdin: null, stdout, stderr };
    return driver.execute({ ...command, timeoutMs: 60_000, signal: NEVER });
  },
};

/** Milliseconds of the processor: a busy machine adds nothing to them. */
async function taken(work: () => void): Promise<number> {
  const before = process.cpuUsage();
  work();
  await new Promise(setImmediate);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

test('whatever a worker says, in whatever pieces, holds nothing up, and each call has a result or a driver’s error', async () => {
  let most = 0;
  const empty = talkative();
  const base = await taken(() => empty.say(Buffer.from('{}\n')));
  await fc.assert(
    fc.asyncProperty(said, sizes, fc.constantFrom(...Object.keys(CALLS)), async (all, by, name) => {
      const { driver, say, end, log } = talkative();
      const outcomes = Promise.allSettled([CALLS[name]!(driver), CALLS['probe']!(driver)]);
      await new Promise(setImmediate);
      const before = process.memoryUsage().rss;
      for (let at = 0, next = 0; at < all.length; next += 1) {
        const piece = all.subarray(at, at + by[next % by.length]!);
        at += piece.length;
        // A read of one byte takes no turn of its own: there may be a million of them.
        if (piece.length === 1) say(piece);
        else expect(await taken(() => say(piece))).toBeLessThan(200 * Math.max(1, base));
      }
      most = Math.max(most, process.memoryUsage().rss - before);
      end();
      for (const outcome of await outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(DriverError);
        else expect((JSON.stringify(outcome.value) ?? '').length).toBeLessThan(MOST_KEPT);
      }
      expect(log.join('').length).toBeLessThan(MOST_KEPT);
    }),
    { ...turns(60, 5_000), endOnFailure: true },
  );
  expect(most).toBeLessThan(MOST_GROWTH);
});
