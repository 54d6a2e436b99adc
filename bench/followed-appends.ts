import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { Background } from '../src/platform/config/background.js';
import { Sealer } from '../src/audit/seals/sealer.js';
import { SealKeys } from '../src/audit/seals/seal-keys.js';
import { sealNext } from '../src/audit/seals/sealing.js';
import { EventLog } from '../src/event-sourcing/event-log/index.js';
import { newId } from '../src/event-sourcing/ids/new-id.js';
import { Projections } from '../src/event-sourcing/projections/index.js';
import { GRANT, TERMS } from './million-events.js';
import type { Ask } from './feed-readers.js';
import { measure, medianMeasurement, medianOfRatios, type Contender, type Measurement } from './measure.js';
import type { Check, Row } from './report.js';

const SUBSCRIBERS = 50;
/** As many as it takes: from one round to the next, a machine that is shared differs more than the two do. */
const ROUNDS = 21;
const LOAD = { callers: 16, warmUpMs: 500, durationMs: 2_000 };
const SEAL_EVERY_MS = 2_000;

/** Appends of a lease's first two events, with and without a sealer and fifty companies that follow their events. */
export async function followedAppends(
  app: INestApplicationContext,
  url: string,
): Promise<{ readonly rows: Row[]; readonly check: Check }> {
  const log = app.get(EventLog);
  const companies = Array.from({ length: SUBSCRIBERS }, newId);
  const alone = appends('appends', log, companies);
  const followed = appends(`appends, sealed, ${SUBSCRIBERS} subscribers`, log, companies);
  const [none, all] = [alone, followed].map(({ name }) => ({ name, rounds: [] as Measurement[] }));
  if (!none || !all) throw new Error('Both are to be measured.');
  const readers = new FeedReaders(url);
  const turns = [
    async () => none.rounds.push(await measure(alone, LOAD)),
    async () => all.rounds.push(await whileFollowed(app, readers, companies, () => measure(followed, LOAD))),
  ];
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) {
        await untilNothingIsLeft(app);
        await turn();
      }
    }
  } finally {
    await readers.close();
  }
  const claim = `appends sealed and with ${SUBSCRIBERS} subscribers / appends`;
  return {
    rows: [none, all].map(({ name, rounds }) => {
      const { perSecond, p50Ms, p99Ms } = medianMeasurement(rounds);
      return { name, callers: LOAD.callers, perSecond, p50Ms, p99Ms };
    }),
    check: { claim, measured: medianOfRatios(all, none, ({ perSecond }) => perSecond), atLeast: 0.9 },
  };
}

/** What was appended before is not this measurement's to fold and to seal. */
async function untilNothingIsLeft(app: INestApplicationContext): Promise<void> {
  const log = app.get(EventLog);
  while (await sealNext(log.pool, app.get(SealKeys), () => new Date()));
  const head = await log.read.head();
  while ((await app.get(Projections).status()).some(({ checkpoint }) => checkpoint < head)) await pause(50);
}

async function whileFollowed<T>(
  app: INestApplicationContext,
  readers: FeedReaders,
  companies: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  const log = app.get(EventLog);
  const sealer = new Sealer(log, app.get(SealKeys), null, {
    everyMs: SEAL_EVERY_MS,
    now: () => new Date(),
    warn: (message) => {
      throw new Error(message);
    },
    background: new Background(),
  });
  sealer.start();
  try {
    await readers.ask({ follow: companies, after: await log.read.head() });
    const before = await readers.ask('bytes');
    const result = await work();
    if ((await readers.ask('bytes')) === before) throw new Error('Nobody has read anything.');
    return result;
  } finally {
    await sealer.stop();
    await readers.ask('leave');
  }
}

/**
 * Started once: a process of this size that forks pays for it with a page fault for each page that it writes to
 * afterwards, and whoever is measured then would pay for what the bench does.
 */
class FeedReaders {
  private readonly process: ChildProcess;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.process = fork(join(import.meta.dirname, 'feed-readers.js'), [hostname, port]);
    this.process.once('exit', (code) => {
      if (code !== 0) this.process.emit('error', new Error('The readers have ended.'));
    });
  }

  /** @returns bytes that have come by then */
  async ask(question: Ask): Promise<number> {
    const answer = once(this.process, 'message');
    this.process.send(question);
    return Number((await answer)[0]);
  }

  async close(): Promise<void> {
    const exit = once(this.process, 'exit');
    this.process.disconnect();
    await exit;
  }
}

function appends(name: string, log: EventLog, companies: readonly string[]): Contender {
  let turn = 0;
  return {
    name,
    async call() {
      turn += 1;
      const verdict = await log.append({
        companyId: companies[turn % companies.length] ?? '',
        actor: 'bench:replay',
        correlationId: newId(),
        causationId: null,
        writes: [
          {
            stream: `lease-${newId()}`,
            expectedVersion: 0,
            events: [
              { id: newId(), type: 'LeaseRequested', schemaVersion: 1, data: TERMS },
              { id: newId(), type: 'LeaseActivated', schemaVersion: 1, data: GRANT },
            ],
            category: 'lease',
            correlationKey: null,
            parent: null,
            open: true,
          },
        ],
        guards: [],
        idempotency: null,
      });
      if (verdict.kind !== 'ok') throw new Error(`The append was refused: ${verdict.kind}.`);
    },
  };
}
