import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import type { Readiness } from '../../src/platform/operations/readiness.js';
import { eventually } from '../platform/embedded/support.js';
import type { Answer } from '../support/api.js';
import { serve, type Service } from '../support/service.js';
import { IS_SOAK } from '../support/soak.js';
import { Hooks, LOOPBACK } from '../audit/webhooks/hooks.js';
import { Receiver } from '../audit/webhooks/receiver.js';

/* What the service does by itself, and what fails again and again of it, is in the readiness until it succeeds. */

const SLOW = 60_000;
let service: Service;
let receiver: Receiver;
let operator: pg.Client;
const company = randomUUID();

beforeAll(async () => {
  service = await serve({ ...LOOPBACK, LEASEHOLD_SEAL_EVERY_MS: '100', LEASEHOLD_WORKER_LOCK_MS: '1000' });
  receiver = await Receiver.start();
  await new Hooks(service.api, company).create(receiver.url);
  operator = new pg.Client(service.connection);
  await operator.connect();
}, SLOW);
afterAll(async () => {
  await operator?.end();
  receiver?.close();
  await service?.close();
});

const ready = (): Promise<Answer<Readiness>> => service.api.send('GET', '/api/ready');
const refusing = (table: string, events: string): string => `
  CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
  CREATE TRIGGER refuse BEFORE ${events} ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION refuse()`;

const CASES: [what: string, breaking: string, mending: string, reasons: string[]][] = [
  ['the log', refusing('seals', 'INSERT'), 'DROP TRIGGER refuse ON seals', ['sealing fails: ', 'not now']],
  [
    'the outbox',
    'ALTER TABLE webhook_deliveries RENAME TO away',
    'ALTER TABLE away RENAME TO webhook_deliveries',
    ['sending webhooks fails: '],
  ],
  [
    'what webhooks were sent',
    refusing('webhook_deliveries', 'DELETE'),
    'DROP TRIGGER refuse ON webhook_deliveries',
    ['recording webhook deliveries fails: ', 'not now'],
  ],
  [
    'the leases',
    'ALTER VIEW leases RENAME TO away',
    'ALTER VIEW away RENAME TO leases',
    ['expiry fails: ', 'looking for leftovers fails: ', ...(IS_SOAK ? ['queueing effects fails: '] : [])],
  ],
  [
    'the commands under way',
    'ALTER TABLE executions_under_way RENAME TO away',
    'ALTER TABLE away RENAME TO executions_under_way',
    ['looking for lost commands fails: '],
  ],
];

// What was not recorded is sent again once its claim has expired, which takes its time.
test.each(CASES.filter(([what]) => IS_SOAK || what !== 'what webhooks were sent'))(
  '%s cannot be used: the readiness says what fails and why, and all is well when it can',
  async (_, breaking, mending, reasons) => {
    await operator.query(breaking);
    try {
      await service.api.acquire(company);
      await eventually(async () => {
        const { status, body } = await ready();
        expect([status, body.checks.background.ok]).toEqual([503, false]);
        for (const reason of reasons) expect(body.checks.background.detail).toContain(reason);
      }, SLOW);
    } finally {
      await operator.query(mending);
    }
    await eventually(async () => expect((await ready()).status).toBe(200), SLOW);
  },
  SLOW,
);

test('what an event is to blame for, or a webhook’s receiver, is no failure of the service', async () => {
  receiver.react = () => 500;
  const before = receiver.requests.length;
  await service.api.acquire(company);
  await receiver.until(() => receiver.requests.length >= before + 3);
  expect((await ready()).status).toBe(200);
});
