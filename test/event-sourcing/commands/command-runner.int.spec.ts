import { createSecretKey, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CommandRunner, type CommandPlan } from '../../../src/event-sourcing/commands/command-runner.js';
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
