import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';
import type { Answer } from '../../support/api.js';
import { connectionUrl } from '../../support/database.js';
import { Witness } from '../../support/fold-of-log.js';
import { SECRETS_KEY, serve, type Service, ServiceHome, type ServiceProcess } from '../../support/service.js';

const LOCK_MS = 1_000;
const SLOW = 120_000;

const SETTINGS = {
  LEASEHOLD_SECRETS_KEY: SECRETS_KEY,
  LEASEHOLD_LOCAL_EXECUTE: 'true',
  LEASEHOLD_WORKER_LOCK_MS: String(LOCK_MS),
};

/** In this process: it lives on, whatever becomes of the others. */
let alive: Service;
let home: ServiceHome;
let witness: Witness;
let folder: string;
let leaseId: string;

beforeAll(async () => {
  alive = await serve(SETTINGS);
  home = await ServiceHome.empty();
  folder = await mkdtemp(join(tmpdir(), 'leasehold-test-lost-'));
  leaseId = (await alive.api.acquire(randomUUID())).lease.id;
  witness = await Witness.of(alive.connection);
}, SLOW);

afterAll(async () => {
  await witness?.close();
  await home?.close();
  await alive?.close();
  await rm(folder, { recursive: true, force: true });
}, SLOW);

const start = (): Promise<ServiceProcess> => home.start({ ...SETTINGS, DATABASE_URL: connectionUrl(alive.connection) });

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Running {
  readonly answer: Promise<Answer<unknown> | null>;
  /** Of the command. */
  readonly pid: number;
  readonly executionId: string;
}

/** A command that runs until it is ended. */
async function run(service: Service | ServiceProcess): Promise<Running> {
  const head = await witness.head();
  const file = join(folder, randomUUID());
  const body = { command: 'sh', args: ['-c', 'echo $$ > "$1"; exec sleep 600', 'sh', file] };
  const answer = service.api.send('POST', `/api/environment-leases/${leaseId}/execute`, body).catch(() => null);
  for (;;) {
    const pid = Number(await readFile(file, 'utf8').catch(() => '0'));
    const started = (await witness.events(head)).find(({ type }) => type === 'ExecutionStarted');
    if (pid > 0 && started) return { answer, pid, executionId: idIn(started) };
    await sleep(20);
  }
}

const idIn = ({ data }: RecordedEvent): string => (data as { executionId: string }).executionId;

async function endsOf({ executionId }: Running): Promise<RecordedEvent[]> {
  const events = await witness.events();
  return events.filter((event) => /^Execution(Finished|Failed)$/.test(event.type) && idIn(event) === executionId);
}

async function ended(running: Running): Promise<RecordedEvent[]> {
  for (;;) {
    const ends = await endsOf(running);
    if (ends.length > 0) return ends;
    await sleep(50);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test(
  'a command whose process was killed is ended by another, once, and one of a process that lives is not',
  async () => {
    const [victim, third] = await Promise.all([start(), start()]);
    const [lost, kept] = [await run(victim), await run(alive)];
    await victim.kill();
    const [end] = await ended(lost);
    expect(end).toMatchObject({
      type: 'ExecutionFailed',
      actor: 'system:executions',
      data: { failureClass: 'transient', reasonCode: 'process_lost' },
    });
    const started = (await witness.events()).find((event) => event.id === end?.causationId);
    expect(started).toMatchObject({ type: 'ExecutionStarted', correlationId: end?.correlationId });

    // As long again as it took to miss the other: the beats of this one are seen.
    await sleep(3 * LOCK_MS);
    expect(await endsOf(kept)).toEqual([]);
    expect(isAlive(kept.pid)).toBe(true);
    process.kill(kept.pid, 'SIGTERM');
    expect(await kept.answer).toMatchObject({ status: 200, body: { signal: 'SIGTERM' } });
    expect(await endsOf(kept)).toMatchObject([{ type: 'ExecutionFinished' }]);
    expect(await endsOf(lost)).toHaveLength(1);
    expect(isAlive(lost.pid)).toBe(false);
    while ((await witness.query('SELECT FROM executions_under_way')).length > 0) await sleep(50);
    await third.interrupt();
  },
  SLOW,
);

test(
  'a process that was taken for lost and comes back ends its command, and records no second end',
  async () => {
    const frozen = await start();
    const running = await run(frozen);
    process.kill(frozen.pid, 'SIGSTOP');
    expect(await ended(running)).toMatchObject([{ data: { reasonCode: 'process_lost' } }]);
    process.kill(frozen.pid, 'SIGCONT');
    const lost = { status: 502, body: { code: 'execution_failed', reasonCode: 'process_lost' } };
    expect(await running.answer).toMatchObject(lost);
    expect(isAlive(running.pid)).toBe(false);
    expect(await endsOf(running)).toHaveLength(1);

    // R15: one that came to its own end meanwhile is told of as the log has it.
    const over = await run(frozen);
    process.kill(frozen.pid, 'SIGSTOP');
    await ended(over);
    process.kill(over.pid, 'SIGTERM');
    process.kill(frozen.pid, 'SIGCONT');
    expect(await over.answer).toMatchObject(lost);
    expect(await endsOf(over)).toHaveLength(1);
    expect(await frozen.interrupt()).toBe(0);
  },
  SLOW,
);
