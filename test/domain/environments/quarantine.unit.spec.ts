import { describe, expect, it } from '@jest/globals';
import { changeCordon, refusedByCordon } from '../../../src/domain/environments/decide-cordon.js';
import { recordProbe } from '../../../src/domain/environments/decide.js';
import { counts, probeIsDue, quarantine, recover } from '../../../src/domain/environments/decide-quarantine.js';
import { at, readable } from '../../support/given-when-then.js';
import {
  changed,
  cordoned,
  created,
  DEADLINE,
  deleted,
  drainRequested,
  FAILED_LEASE,
  FINDING,
  given,
  probed,
  probedInVain,
  quarantined,
  recovered,
  SANDBOX,
  together,
  uncordoned,
  type AnyEnvironmentEvent,
  type Basis,
} from './environment-examples.js';

const LAST = { leaseId: FAILED_LEASE, reasonCode: 'authentication_failed' };
const failedFor =
  (failures: number) =>
  ({ environment }: Basis) =>
    together(quarantine(failures, LAST, environment));
const probe =
  (ok: boolean) =>
  ({ environment }: Basis) =>
    together(recordProbe(ok ? FINDING : { ...FINDING, ok, reasonCode: 'authentication_failed' }, environment));

const present = [created(SANDBOX)];
const inQuarantine = [...present, quarantined()];
const quarantineAfter = (...events: AnyEnvironmentEvent[]) => {
  const { environment } = given(events).state;
  return environment.kind === 'present' ? environment.environment.quarantine : null;
};

describe('quarantining an environment', () => {
  it('takes five failures in a row, and waits longer the more there were', () => {
    given(present).when(failedFor(4)).then([]);
    given(present)
      .when(failedFor(5))
      .then([quarantined(5, 60)])
      .again.then([]);
    given(present)
      .when(failedFor(6))
      .then([quarantined(6, 120)]);
    given(present)
      .when(failedFor(10))
      .then([quarantined(10, 1_920)]);
    given(present)
      .when(failedFor(11))
      .then([quarantined(11, 3_600)]);
    given(present)
      .when(failedFor(2_000_000))
      .then([quarantined(2_000_000, 3_600)]);
  });

  it('counts what no repetition mends', () => {
    expect((['auth', 'config', 'permanent', 'transient', 'capacity'] as const).map(counts)).toEqual([
      ...[true, true, true],
      ...[false, false],
    ]);
  });

  it.each([
    ['cordoned', [...present, cordoned()]],
    ['draining', [...present, drainRequested()]],
    ['archived', [...present, changed({ status: 'archived' })]],
    ['deleted', [...present, deleted]],
    ['not there', []],
  ])('leaves one alone that is %s', (_case, events) => {
    given(events).when(failedFor(5)).then([]);
  });

  it('refuses leases by a code of its own, and says why', () => {
    const { environment } = given(inQuarantine).state;
    const { cordoned: cordon } = environment.kind === 'present' ? environment.environment : { cordoned: null };
    const reason = '5 provisioning failures in a row, the last: authentication_failed';
    expect(cordon && readable(refusedByCordon(cordon))).toEqual({
      ...{ refused: 'environment_quarantined', by: 'quarantine', since: at(1), reason },
    });
  });
});

describe('a quarantined environment', () => {
  it('is probed after the wait, which doubles with each probe in vain, to an hour at the most', () => {
    expect(quarantineAfter(...inQuarantine)).toEqual({
      ...{ failures: 5, reasonCode: 'authentication_failed', probes: 0, waitSeconds: 60, nextProbeAt: at(61) },
    });
    expect(quarantineAfter(...inQuarantine, probedInVain)).toMatchObject({
      ...{ probes: 1, waitSeconds: 120, nextProbeAt: at(122) },
    });
    const often = Array.from({ length: 10 }, () => probedInVain);
    expect(quarantineAfter(...inQuarantine, ...often)).toMatchObject({
      ...{ probes: 10, waitSeconds: 3_600, nextProbeAt: at(3_611) },
    });
  });

  it('is due for a probe from then on', () => {
    const { environment } = given(inQuarantine).state;
    expect([at(60), at(61), at(62)].map((now) => probeIsDue(environment, now))).toEqual([false, true, true]);
    for (const events of [present, [...inQuarantine, deleted], [...inQuarantine, recovered]]) {
      expect(probeIsDue(given(events).state.environment, at(9_999))).toBe(false);
    }
  });

  it('recovers when a probe finds it usable, and is none of the others', () => {
    const { state } = given(inQuarantine)
      .when(probe(false))
      .then([probedInVain])
      .when(probe(true))
      .then([probed, recovered])
      .when(probe(true))
      .then([probed]);
    expect(state.environment).toMatchObject({ environment: { cordoned: null, quarantine: null, version: 5 } });
    given([...present, cordoned()])
      .when(probe(true))
      .then([probed]);
  });

  it('recovers when a lease is active, or an operator says so', () => {
    given(inQuarantine)
      .when(({ environment }) => together(recover(environment)))
      .then([recovered])
      .again.then([]);
    given(inQuarantine)
      .when(({ environment }) => together(changeCordon({ kind: 'uncordon' }, environment, false)))
      .then([uncordoned])
      .again.then([]);
  });

  it('is probed at once when it gets another config or driver, not when it gets another name', () => {
    expect(quarantineAfter(...inQuarantine, changed({ config: { provider: 'fake' } }))?.nextProbeAt).toBe(at(2));
    expect(quarantineAfter(...inQuarantine, changed({ driver: 'ssh', config: {} }))?.nextProbeAt).toBe(at(2));
    expect(quarantineAfter(...inQuarantine, changed({ name: 'Other' }))?.nextProbeAt).toBe(at(61));
  });

  it('stays out of use when an operator cordons or drains it', () => {
    const cordon = given(inQuarantine)
      .when(({ environment }) => together(changeCordon({ kind: 'cordon', reason: null }, environment, false)))
      .then([cordoned()]);
    expect(cordon.state.environment).toMatchObject({ environment: { cordoned: { by: 'operator' }, quarantine: null } });
    const wish = { kind: 'drain', deadline: DEADLINE, onDeadline: 'release', reason: null } as const;
    const drain = given(inQuarantine)
      .when(({ environment }) => together(changeCordon(wish, environment, false)))
      .then([drainRequested()]);
    expect(drain.state.environment).toMatchObject({ environment: { cordoned: { by: 'drain' }, quarantine: null } });
  });
});
