import { describe, expect, it } from '@jest/globals';
import { at, FIRST_POSITION } from '../../support/given-when-then.js';
import {
  changed,
  claimed,
  COMPANY,
  created,
  deleted,
  ENVIRONMENT,
  freed,
  given,
  LOCAL,
  OTHER_ENVIRONMENT,
  probed,
  SANDBOX,
  type AnyEnvironmentEvent,
} from './environment-examples.js';

const after = (...events: AnyEnvironmentEvent[]) => given(events).state;

describe('the state of an environment', () => {
  const asCreated = {
    id: ENVIRONMENT,
    companyId: COMPANY,
    name: 'Sandbox',
    description: 'For trying things out',
    driver: 'sandbox',
    status: 'active',
    config: { provider: 'fake', image: 'ubuntu:24.04', reuseLease: false },
    metadata: { team: 'red' },
    requireFence: false,
    provisioningTimeoutSeconds: 3600,
    cordoned: null,
    drain: null,
    quarantine: null,
    createdAt: at(0),
    updatedAt: at(0),
    version: 1,
    position: FIRST_POSITION,
  };

  it('is none before its first event', () => {
    expect(after().environment).toStrictEqual({ kind: 'none' });
  });

  it('has every field of an environment in JSON, and no other', () => {
    expect(after(created(SANDBOX)).environment).toStrictEqual({ kind: 'present', environment: asCreated });
  });

  it('takes over what changed, as a whole, and keeps the rest', () => {
    const state = after(created(SANDBOX), changed({ name: 'Renamed', config: { provider: 'other' } }));
    expect(state.environment).toStrictEqual({
      kind: 'present',
      environment: {
        ...asCreated,
        name: 'Renamed',
        config: { provider: 'other' },
        updatedAt: at(1),
        version: 2,
        position: FIRST_POSITION + 1,
      },
    });
  });

  it('is the same after it was probed, its version too', () => {
    expect(after(created(SANDBOX), probed).environment).toStrictEqual({ kind: 'present', environment: asCreated });
    const { environment } = after(created(SANDBOX), probed, changed({ name: 'Renamed' }));
    expect(environment).toMatchObject({ environment: { version: 3, position: FIRST_POSITION + 2 } });
  });

  it('is still known after it was deleted, as it was', () => {
    expect(after(created(SANDBOX), changed({ status: 'archived' }), deleted).environment).toStrictEqual({
      kind: 'deleted',
      environment: { ...asCreated, status: 'archived', updatedAt: at(2), version: 3, position: FIRST_POSITION + 2 },
    });
  });

  it.each([
    ['changed', changed({ name: 'Nothing' })],
    ['probed', probed],
    ['deleted', deleted],
  ])('cannot be %s before it was created', (_what, event) => {
    expect(() => after(event)).toThrow(`at position ${FIRST_POSITION} cannot follow what came before it`);
  });

  it('counts versions in its own stream, positions in the whole log', () => {
    const { environment } = after(created(LOCAL), claimed(), changed({ name: 'Here' }));
    expect(environment).toMatchObject({ environment: { version: 2, position: FIRST_POSITION + 2 } });
  });
});

describe('the claim on a company’s one local environment', () => {
  it.each<[string, AnyEnvironmentEvent[], string | null]>([
    ['nobody’s at first', [], null],
    ['that of the environment that claimed it', [claimed()], ENVIRONMENT],
    ['nobody’s when it was freed', [claimed(), freed], null],
    ['the next one’s', [claimed(), freed, claimed(OTHER_ENVIRONMENT)], OTHER_ENVIRONMENT],
  ])('is %s', (_case, events, claim) => {
    expect(after(...events).claim).toBe(claim);
  });
});
