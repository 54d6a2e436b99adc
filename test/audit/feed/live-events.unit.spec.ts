import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { EventLog, RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';
import { LogHistory } from '../../../src/event-sourcing/event-log/log-history.js';
import { LiveEvents, type Follower } from '../../../src/audit/feed/live-events.js';

const COMPANY = 'a company';

/** A log in memory. */
class Log {
  private readonly events: RecordedEvent[] = [];
  private hint: () => void = () => undefined;
  readonly signal = {
    subscribe: (hint: () => void) => {
      this.hint = hint;
      return () => undefined;
    },
  };
  readonly history = new LogHistory();
  readonly read = {
    head: () => Promise.resolve(this.events.length),
    after: (position: number, { upTo }: { upTo: number }) =>
      Promise.resolve({ events: this.events.slice(position, upTo), hasMore: false }),
  };

  append(): void {
    this.events.push({ position: this.events.length + 1, companyId: COMPANY } as RecordedEvent);
    this.hint();
  }
}

class Witness implements Follower {
  readonly companyId = COMPANY;
  readonly seen: number[] = [];
  at = 0;

  constructor(private readonly meanwhile: () => void = () => undefined) {}

  follow(events: readonly RecordedEvent[], position: number): void {
    this.seen.push(...events.map((event) => event.position));
    this.at = position;
    this.meanwhile();
  }

  lost(): void {
    throw new Error('The process does not end.');
  }
}

/** Longer than a turn. */
function beBusy(): void {
  const until = performance.now() + 5;
  while (performance.now() < until);
}

function start(log: Log): LiveEvents {
  return new LiveEvents(log as unknown as EventLog);
}

async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('what else there is to do comes between two slow followers', async () => {
  const log = new Log();
  const live = start(log);
  const order: string[] = [];
  const slow = (name: string): Witness =>
    new Witness(() => {
      order.push(name);
      void nextTurn().then(() => order.push('other work'));
      beBusy();
    });
  const followers = [slow('first'), slow('second'), slow('third')];
  for (const follower of followers) live.join(follower, 0);
  log.append();
  await until(() => order.length === 6);
  expect(order).toEqual(['first', 'other work', 'second', 'other work', 'third', 'other work']);
  for (const follower of followers) live.leave(follower);
});

test('who joins and who leaves while others are told has every event once, and none after', async () => {
  const log = new Log();
  const live = start(log);
  const late = new Witness();
  const gone = new Witness();
  let joined = false;
  const busy = new Witness(() => {
    beBusy();
    live.leave(gone);
    joined ||= live.join(late, live.at);
  });
  const last = new Witness();
  for (const follower of [busy, gone, last]) live.join(follower, 0);
  log.append();
  await until(() => last.at === 1);
  log.append();
  await until(() => late.at === 2);
  expect([busy.seen, last.seen, late.seen, gone.seen]).toEqual([[1, 2], [1, 2], [2], []]);
  for (const follower of [busy, last, late]) live.leave(follower);
});

test('where the log has another history, all who follow are lost, and may come again where it has got to', () => {
  const log = new Log();
  const live = new LiveEvents(log as unknown as EventLog);
  const witness = new Witness();
  let lost = 0;
  witness.lost = () => void (lost += 1);
  live.join(witness, 138);
  log.history.saw(138);
  log.history.sawHead(62, 138);
  expect(lost).toBe(1);
  expect(live.join(witness, 62)).toBe(true);
  live.leave(witness);
});
