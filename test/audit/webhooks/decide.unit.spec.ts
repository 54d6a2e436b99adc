import { describe, expect, it } from '@jest/globals';
import { accepted } from '../../../src/event-sourcing/commands/decision.js';
import { changeWebhook, createWebhook, type WebhookChange } from '../../../src/audit/webhooks/decide.js';
import { WEBHOOK_EVENTS, webhookStream, type WebhookEvent } from '../../../src/audit/webhooks/events.js';
import { retryDelay } from '../../../src/audit/webhooks/retry-policy.js';
import {
  evolveWebhook,
  initialWebhook,
  signingVersions,
  type WebhookState,
} from '../../../src/audit/webhooks/state.js';
import { webhookJson } from '../../../src/audit/webhooks/webhook-json.js';
import { at, FIRST_POSITION, specification } from '../../support/given-when-then.js';

const COMPANY = 'c0000000-0000-7000-8000-000000000001';
const OTHER_COMPANY = 'c0000000-0000-7000-8000-000000000002';
const WEBHOOK = 'a0000000-0000-7000-8000-000000000001';

const given = specification<WebhookState, WebhookEvent>({
  initial: initialWebhook,
  evolve: evolveWebhook,
  companyId: COMPANY,
  definitions: WEBHOOK_EVENTS,
  streamOf: () => webhookStream(WEBHOOK),
});

const filter = { type: ['LeaseActivated'], stream: null, environmentId: null, leaseId: null, runId: null };
const settings = { url: 'https://hooks.example.com/', description: null, filter };
const created: WebhookEvent = { type: 'WebhookCreated', data: settings };
const paused: WebhookEvent = { type: 'WebhookPaused', data: { reason: 'requested', detail: null } };
const resumed: WebhookEvent = { type: 'WebhookResumed', data: {} };
const deleted: WebhookEvent = { type: 'WebhookDeleted', data: {} };
const rotated = (secretVersion: number, previousUntil: string): WebhookEvent => ({
  type: 'WebhookSecretRotated',
  data: { secretVersion, previousUntil },
});
const change =
  (wish: WebhookChange, companyId = COMPANY) =>
  (state: WebhookState) =>
    changeWebhook(companyId, state, wish);
const webhookIn = (events: WebhookEvent[]) => {
  const { state } = given(events);
  if (state.kind !== 'present') throw new Error('There is none.');
  return state.webhook;
};

const PAUSE = { kind: 'pause', reason: 'requested', detail: null } as const;
const CHANGES: WebhookChange[] = [
  { kind: 'change', settings: {} },
  { kind: 'rotate-secret', previousUntil: at(9) },
  PAUSE,
  { kind: 'resume' },
  { kind: 'redeliver', from: 1, head: 1 },
  { kind: 'delete' },
];

describe('a webhook', () => {
  it('begins active, with the first version of its secret', () => {
    const { state } = given([])
      .when(() => accepted(createWebhook(settings)))
      .then([created]);
    const begun = { status: 'active', pause: null, secretVersion: 1, earlierSecrets: [] };
    const times = { createdAt: at(0), updatedAt: at(0), version: 1, position: FIRST_POSITION };
    expect(state).toEqual({
      kind: 'present',
      webhook: { id: WEBHOOK, companyId: COMPANY, ...settings, ...begun, ...times },
    });
  });

  it('keeps of its settings what a change does not name', () => {
    given([created])
      .when(change({ kind: 'change', settings: { description: 'Billing' } }))
      .then([{ type: 'WebhookChanged', data: { ...settings, description: 'Billing' } }]);
  });

  it('is paused once and resumed once', () => {
    given([created]).when(change(PAUSE)).then([paused]).again.then([]);
    given([created, paused])
      .when(change({ kind: 'resume' }))
      .then([resumed])
      .again.then([]);
    expect(webhookIn([created, paused])).toMatchObject({ status: 'paused', pause: { reason: 'requested', at: at(1) } });
    expect(webhookIn([created, paused, resumed])).toMatchObject({ status: 'active', pause: null });
  });

  it('is not paused for failures that it had before it was changed', () => {
    const failing = { kind: 'pause', reason: 'failing', detail: 'It answered 500' } as const;
    given([created, paused, resumed])
      .when(change({ ...failing, ifVersion: 1 }))
      .then([]);
    given([created, paused, resumed])
      .when(change({ ...failing, ifVersion: 3 }))
      .then([{ type: 'WebhookPaused', data: { reason: 'failing', detail: 'It answered 500' } }]);
  });

  it('is delivered again from a position that the log has reached', () => {
    given([created])
      .when(change({ kind: 'redeliver', from: 7, head: 7 }))
      .then([{ type: 'WebhookRedeliveryRequested', data: { from: 7 } }]);
    given([created])
      .when(change({ kind: 'redeliver', from: 8, head: 7 }))
      .then({ refused: 'position_ahead_of_log' });
  });

  it.each(CHANGES)('is not found by another company, before it is made, or once it is deleted: $kind', (wish) => {
    const refusal = { refused: 'webhook_not_found' } as const;
    given([created]).when(change(wish, OTHER_COMPANY)).then(refusal);
    given([]).when(change(wish)).then(refusal);
    given([created, deleted]).when(change(wish)).then(refusal);
  });
});

describe('a secret', () => {
  it('is signed with as long as its overlap lasts', () => {
    given([created])
      .when(change({ kind: 'rotate-secret', previousUntil: at(5) }))
      .then([rotated(2, at(5))]);
    const webhook = webhookIn([created, rotated(2, at(5))]);
    expect([at(4), at(5)].map((now) => signingVersions(webhook, now))).toEqual([[2, 1], [2]]);
    expect(webhookJson(webhook)).toMatchObject({ secretVersion: 2, previousSecretUntil: at(5) });
  });

  it('overlaps with several others, unless a later rotation ends them', () => {
    const two = webhookIn([created, rotated(2, at(9)), rotated(3, at(8))]);
    expect(signingVersions(two, at(7))).toEqual([3, 1, 2]);
    expect(signingVersions(two, at(8))).toEqual([3]);
    const leaked = webhookIn([created, rotated(2, at(9)), rotated(3, at(1))]);
    expect(signingVersions(leaked, at(2))).toEqual([3]);
  });
});

describe('the wait after a failure', () => {
  const delays = [100, 1_000];

  it.each([
    [1, 100],
    [2, 1_000],
    [50, 1_000],
  ])('after attempt %s is %s ms', (attempt, wait) => {
    expect(retryDelay(delays, attempt, 0.5)).toBe(wait);
  });

  it('varies by a fifth, and is none where no delays are set', () => {
    expect([retryDelay(delays, 2, 0), retryDelay(delays, 2, 1)]).toEqual([800, 1_200]);
    expect(retryDelay([], 1, 0.5)).toBe(0);
  });
});
