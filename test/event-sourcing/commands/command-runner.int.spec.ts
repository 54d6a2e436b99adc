import { createSecretKey, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { CommandRunner, type CommandPlan } from '../../../src/event-sourcing/commands/command-runner.js';
import type { Alongside } from '../../../src/event-sourcing/commands/record-alongside.js';
import type { TestDatabase } from '../../support/database.js';
import { createLogDatabase, HAPPENED, openLog, type OpenLog, wholeStream } from '../../support/event-log.js';

const MANY = 100;
const CONTEXT = { actor: 'test', correlationId: randomUUID(), idempotency: null };
const companyId = randomUUID();

let database: TestDatabase;
let open: OpenLog[];
let runners: CommandRunner[];

beforeAll(async () => {
  database = await createLogDatabase();
  open = [openLog(database.connection), openLog(database.connection)];
  runners = open.map(({ log }) => new CommandRunner(log, createSecretKey(Buffer.alloc(32))));
});
afterAll(async () => {
  await Promise.all((open ?? []).map((log) => log.close()));
  await database?.drop();
});

/** Plans one event after what the stream has. */
async function next(runner: CommandRunner, stream: string): Promise<CommandPlan> {
  const expectedVersion = open[0] ? (await wholeStream(open[0].log, stream)).length : 0;
  const events = runner.stamp([{ type: HAPPENED, data: {} }]);
  const about = { category: 'test', correlationKey: null, parent: null, open: true };
  return { writes: [{ stream, expectedVersion, events, ...about }], guards: [], result: {} };
}

test('many commands of one stream at once, of two processes, are all done, without planning for ever anew', async () => {
  const stream = `test-${randomUUID()}`;
  let plans = 0;
  const outcomes = await Promise.all(
    Array.from({ length: MANY }, (_unused, index) => {
      const runner = runners[index % runners.length] as CommandRunner;
      return runner.run(companyId, CONTEXT, () => {
        plans += 1;
        return next(runner, stream);
      });
    }),
  );
  const versions = outcomes.map((outcome) => (outcome.kind === 'done' ? outcome.events[0]?.version : null));
  expect(new Set(versions)).toEqual(new Set(Array.from({ length: MANY }, (_unused, index) => index + 1)));
  // Without turns they grow with the square of their number: 1,900 here.
  expect(plans).toBeLessThan(MANY * 6);
});

test('a command within another one does not wait for the turn that the other is having', async () => {
  const stream = `test-${randomUUID()}`;
  const runner = runners[0] as CommandRunner;
  const within = () => runner.run(companyId, CONTEXT, () => next(runner, stream), { isWithinAnother: true });
  // What is planned has been overtaken by then, twice: the third plan is made in a turn, and the command in it contested.
  let plans = 0;
  const outcome = await runner.run(companyId, CONTEXT, async () => {
    plans += 1;
    if (plans === 3) await Promise.all(Array.from({ length: 6 }, within));
    const planned = await next(runner, stream);
    if (plans < 3) await within();
    return planned;
  });
  expect(outcome).toMatchObject({ kind: 'done', events: [{ version: 9 }] });
  expect(plans).toBe(3);
});

describe('R18: a lock that somebody else holds on rows of a command is no change of its stream', () => {
  const HELD = 5_021_199;
  const now = performance.now.bind(performance);
  afterEach(() => {
    performance.now = now;
  });

  /** Runs a command whose first attempts wait in vain for a lock, for longer than a command is tried again. */
  async function runLocked(stream: string, attempts: number): Promise<{ outcome: unknown; tried: number }> {
    const holder = await (open[1] as OpenLog).pool.connect();
    const runner = runners[0] as CommandRunner;
    let tried = 0;
    try {
      await holder.query('SELECT pg_advisory_lock($1)', [HELD]);
      const alongside: Alongside = async (client) => {
        tried += 1;
        if (tried > attempts) await holder.query('SELECT pg_advisory_unlock($1)', [HELD]);
        const ahead = tried * 60_000;
        performance.now = () => now() + ahead;
        await client.query("SET LOCAL lock_timeout = '20ms'");
        await client.query('SELECT pg_advisory_xact_lock($1)', [HELD]);
      };
      const planned = async () => ({ ...(await next(runner, stream)), alongside });
      const outcome = await runner.run(companyId, CONTEXT, planned).catch((error: unknown) => error);
      return { outcome, tried };
    } finally {
      holder.release(true);
    }
  }

  test('where one attempt has waited all the time that there is, the next is made all the same', async () => {
    expect(await runLocked(`test-${randomUUID()}`, 1)).toMatchObject({ tried: 2, outcome: { kind: 'done' } });
  });

  test('where it is held all the time, the refusal says that it may be tried again, and of no conflict', async () => {
    const stream = `test-${randomUUID()}`;
    expect(await runLocked(stream, Infinity)).toMatchObject({ tried: 3, outcome: { code: 'overloaded' } });
    expect(await wholeStream((open[0] as OpenLog).log, stream)).toEqual([]);
  });
});
