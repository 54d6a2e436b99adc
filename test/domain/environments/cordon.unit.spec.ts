import { describe, expect, it } from '@jest/globals';
import { changeCordon, type CordonWish } from '../../../src/domain/environments/decide-cordon.js';
import { at } from '../../support/given-when-then.js';
import {
  changed,
  cordoned,
  created,
  deleted,
  given,
  SANDBOX,
  together,
  uncordoned,
  type Basis,
} from './environment-examples.js';

const change =
  (wish: CordonWish) =>
  ({ environment }: Basis) =>
    together(changeCordon(wish, environment));
const cordon = (reason: string | null = null) => change({ kind: 'cordon', reason });
const uncordon = change({ kind: 'uncordon' });

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
