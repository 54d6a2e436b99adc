import { describe, expect, it } from '@jest/globals';
import {
  changeCordon,
  drainDeadline,
  endDrain,
  type CordonWish,
} from '../../../src/domain/environments/decide-cordon.js';
import type { OnDeadline } from '../../../src/domain/environments/environment-names.js';
import { at } from '../../support/given-when-then.js';
import {
  changed,
  cordoned,
  created,
  DEADLINE,
  deleted,
  drained,
  drainRequested,
  given,
  SANDBOX,
  together,
  uncordoned,
  type Basis,
} from './environment-examples.js';

const change =
  (wish: CordonWish, isEmpty = false) =>
  ({ environment }: Basis) =>
    together(changeCordon(wish, environment, isEmpty));
const cordon = (reason: string | null = null) => change({ kind: 'cordon', reason });
const uncordon = change({ kind: 'uncordon' });
const drain = (onDeadline: OnDeadline = 'release', isEmpty = false, deadline = DEADLINE) =>
  change({ kind: 'drain', deadline, onDeadline, reason: null }, isEmpty);
const end =
  (isEmpty: boolean) =>
  ({ environment }: Basis) =>
    together(endDrain(environment, isEmpty));

describe('cordoning an environment', () => {
  it('records it once, and keeps the first reason', () => {
    const { state } = given([created(SANDBOX)])
      .when(cordon('Disk replacement'))
      .then([cordoned('Disk replacement')])
      .when(cordon('Another'))
      .then([]);
    const environment = { cordoned: { by: 'operator', since: at(1), reason: 'Disk replacement' }, version: 2 };
    expect(state.environment).toMatchObject({ environment });
  });

  it('ends by uncordoning, once', () => {
    const { state } = given([created(SANDBOX)])
      .when(uncordon)
      .then([])
      .when(cordon())
      .then([cordoned()])
      .when(uncordon)
      .then([uncordoned])
      .again.then([]);
    expect(state.environment).toMatchObject({ environment: { cordoned: null, version: 3 } });
  });

  it('stays through other changes', () => {
    const { state } = given([created(SANDBOX), cordoned(), changed({ name: 'Other' })]);
    expect(state.environment).toMatchObject({ environment: { cordoned: { since: at(1) }, name: 'Other' } });
  });

  it.each([[[]], [[created(SANDBOX), deleted]]])('of one that is not there finds none', (events) => {
    given(events).when(cordon()).then({ refused: 'environment_not_found' });
    given(events).when(uncordon).then({ refused: 'environment_not_found' });
  });
});

describe('draining an environment', () => {
  const draining = [created(SANDBOX), drainRequested()];

  it('cordons it, until its last lease is gone and after', () => {
    const { state } = given([created(SANDBOX)])
      .when(drain())
      .then([drainRequested()])
      .again.then([])
      .when(end(false))
      .then([])
      .when(end(true))
      .then([drained])
      .again.then([]);
    const cordon = { by: 'drain', since: at(1), reason: null };
    const drainedAt = at(2);
    expect(state.environment).toMatchObject({
      environment: { cordoned: cordon, drain: { deadline: DEADLINE, onDeadline: 'release', drainedAt }, version: 3 },
    });
  });

  it('is over at once where nothing is there, and repeats nothing then', () => {
    given([created(SANDBOX)])
      .when(drain('wait', true))
      .then([drainRequested('wait'), drained])
      .when(drain('release', true, '2027-01-01T00:00:00.000Z'))
      .then([]);
  });

  it('begins again where leases were let in all the same', () => {
    given([...draining, drained])
      .when(drain())
      .then([drainRequested()]);
  });

  it('again with another deadline moves it', () => {
    const later = '2026-11-24T12:00:00.000Z';
    const { state } = given(draining)
      .when(drain('release', false, later))
      .then([drainRequested('release', later)])
      .when(drain('wait', false, later))
      .then([drainRequested('wait', later)]);
    expect(state.environment).toMatchObject({
      environment: { cordoned: { since: at(1) }, drain: { deadline: later } },
    });
  });

  it('of a cordoned one keeps who cordoned it', () => {
    const { state } = given([created(SANDBOX), cordoned('Mine')])
      .when(drain())
      .then([drainRequested()]);
    expect(state.environment).toMatchObject({ environment: { cordoned: { by: 'operator', reason: 'Mine' } } });
  });

  it('is cancelled by uncordoning, and not by cordoning', () => {
    const { state } = given(draining)
      .when(cordon())
      .then([])
      .when(uncordon)
      .then([uncordoned])
      .when(end(true))
      .then([]);
    expect(state.environment).toMatchObject({ environment: { cordoned: null, drain: null } });
  });

  it('of one that is deleted meanwhile ends nothing', () => {
    given([...draining, deleted])
      .when(end(true))
      .then([]);
  });

  const [before, after] = ['2026-11-24T10:29:59.999Z', '2026-11-24T10:30:00.001Z'];
  it.each([
    ['before the deadline', draining, before, null],
    ['at the deadline', draining, DEADLINE, DEADLINE],
    ['after the deadline', draining, after, DEADLINE],
    ['that waits', [created(SANDBOX), drainRequested('wait')], after, null],
    ['that is over', [...draining, drained], after, null],
    ['that was cancelled', [...draining, uncordoned], after, null],
    ['of a deleted one', [...draining, deleted], after, null],
    ['that there is not', [created(SANDBOX), cordoned()], after, null],
  ])('a drain %s ends leases or does not', (_case, events, now, deadline) => {
    expect(drainDeadline(given(events).state.environment, now)).toBe(deadline);
  });
});
