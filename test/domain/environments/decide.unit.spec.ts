import { describe, expect, it } from '@jest/globals';
import {
  createEnvironment,
  DEFAULT_LOCAL_ENVIRONMENT,
  deleteEnvironment,
  patchedConfig,
  patchEnvironment,
  recordProbe,
  type EnvironmentPatch,
  type NewEnvironment,
} from '../../../src/domain/environments/decide.js';
import {
  changed,
  claimed,
  created,
  deleted,
  ENVIRONMENT,
  FINDING,
  freed,
  given,
  LOCAL,
  OTHER_ENVIRONMENT,
  probed,
  SANDBOX,
  together,
  type Basis,
} from './environment-examples.js';

const create =
  (wanted: NewEnvironment) =>
  ({ environment, claim }: Basis) =>
    together(createEnvironment(ENVIRONMENT, wanted, environment, claim));

/** As the command does it: what the patch says of the config is made whole first. */
const patch =
  (wanted: EnvironmentPatch) =>
  ({ environment, claim }: Basis) => {
    const touchesConfig = wanted.config !== undefined || wanted.driver !== undefined;
    const whole =
      environment.kind === 'present' && touchesConfig
        ? { ...wanted, config: patchedConfig(environment.environment, wanted) }
        : wanted;
    return together(patchEnvironment(whole, environment, claim));
  };

const remove =
  (openLeaseIds: readonly string[] = []) =>
  ({ environment }: Basis) =>
    together(deleteEnvironment(environment, openLeaseIds));

describe('creating an environment', () => {
  it('records it as it was asked for', () => {
    const { state } = given([])
      .when(create(SANDBOX))
      .then([created(SANDBOX)]);
    expect(state.environment).toMatchObject({ kind: 'present', environment: { id: ENVIRONMENT, status: 'active' } });
    expect(state.claim).toBeNull();
  });

  it('that is local claims the company’s one local environment', () => {
    const { state } = given([])
      .when(create(LOCAL))
      .then([created(LOCAL), claimed()]);
    expect(state.claim).toBe(ENVIRONMENT);
  });

  it('that is local is refused where the company has one, and names that one', () => {
    given([claimed(OTHER_ENVIRONMENT)])
      .when(create(LOCAL))
      .then({ refused: 'local_environment_exists', environmentId: OTHER_ENVIRONMENT });
  });

  it('that is not local does not mind that the company has a local one', () => {
    given([claimed(OTHER_ENVIRONMENT)])
      .when(create(SANDBOX))
      .then([created(SANDBOX)]);
  });

  it('that is made on first use is local, and says that it is managed and the default', () => {
    const { state } = given([])
      .when(create(DEFAULT_LOCAL_ENVIRONMENT))
      .then([created(DEFAULT_LOCAL_ENVIRONMENT), claimed()]);
    expect(state.environment).toMatchObject({
      environment: { driver: 'local', metadata: { managed: true, default: true } },
    });
  });

  it('under an id that is taken is a mistake of ours', () => {
    expect(() =>
      given([created(SANDBOX)])
        .when(create(SANDBOX))
        .then([]),
    ).toThrow('exists already');
    expect(() =>
      given([created(SANDBOX), deleted])
        .when(create(SANDBOX))
        .then([]),
    ).toThrow('exists already');
  });
});

describe('patching an environment', () => {
  const sandbox = [created(SANDBOX)];
  const local = [created(LOCAL), claimed()];

  it('records only what changes', () => {
    given(sandbox)
      .when(patch({ name: 'Renamed', description: SANDBOX.description }))
      .then([changed({ name: 'Renamed' })])
      .again.then([]);
  });

  it('may take away what can be absent', () => {
    given(sandbox)
      .when(patch({ description: null, metadata: null }))
      .then([changed({ description: null, metadata: null })])
      .again.then([]);
  });

  it('replaces metadata as a whole', () => {
    given(sandbox)
      .when(patch({ metadata: { owner: 'ada' } }))
      .then([changed({ metadata: { owner: 'ada' } })]);
  });

  it.each<[string, EnvironmentPatch]>([
    ['nothing', {}],
    ['what is so already', { name: SANDBOX.name, driver: 'sandbox', status: 'active', metadata: { team: 'red' } }],
    ['a part of the config as it is', { config: { image: 'ubuntu:24.04' } }],
    ['a field that is there without a value', { name: undefined } as object],
    ['the config in another order', { config: { reuseLease: false, image: 'ubuntu:24.04', provider: 'fake' } }],
  ])('by %s records nothing', (_case, wanted) => {
    given(sandbox).when(patch(wanted)).then([]);
  });

  it.each<[string, EnvironmentPatch['metadata'], EnvironmentPatch['metadata']]>([
    ['a longer list', { tags: ['a'] }, { tags: ['a', 'b'] }],
    ['a list in another order', { tags: ['a', 'b'] }, { tags: ['b', 'a'] }],
    ['a list instead of an object', { tags: {} }, { tags: [] }],
    ['null instead of an object', { tags: {} }, { tags: null }],
    ['a number as text', { size: 1 }, { size: '1' }],
    ['another key', { a: 1 }, { b: 1 }],
    ['a key that every object inherits', { a: 1 }, JSON.parse('{ "__proto__": {} }') as Record<string, unknown>],
  ])('tells apart %s', (_case, before, after) => {
    given([created({ ...SANDBOX, metadata: before ?? null })])
      .when(patch({ metadata: after ?? null }))
      .then([changed({ metadata: after ?? null })]);
  });

  it('merges the config over the old one', () => {
    given(sandbox)
      .when(patch({ config: { image: 'debian:12' } }))
      .then([changed({ config: { provider: 'fake', image: 'debian:12', reuseLease: false } })])
      .again.then([]);
  });

  it('merges the config over the old one when the driver named is the present one', () => {
    given(sandbox)
      .when(patch({ driver: 'sandbox', config: { image: 'debian:12' } }))
      .then([changed({ config: { provider: 'fake', image: 'debian:12', reuseLease: false } })]);
  });

  it('takes the given config alone when the driver changes', () => {
    const config = { host: 'build-1', username: 'ci', remoteWorkspacePath: '/srv' };
    given(sandbox)
      .when(patch({ driver: 'ssh', config }))
      .then([changed({ driver: 'ssh', config })]);
  });

  it('inherits nothing when the driver changes and no config is given', () => {
    given(sandbox)
      .when(patch({ driver: 'plugin' }))
      .then([changed({ driver: 'plugin', config: {} })]);
  });

  it('archives and reactivates', () => {
    given(sandbox)
      .when(patch({ status: 'archived' }))
      .then([changed({ status: 'archived' })])
      .when(patch({ status: 'active' }))
      .then([changed({ status: 'active' })])
      .again.then([]);
  });

  it('to local claims the company’s one local environment', () => {
    given(sandbox)
      .when(patch({ driver: 'local' }))
      .then([changed({ driver: 'local', config: {} }), claimed()])
      .again.then([]);
  });

  it('to local is refused where the company has another', () => {
    given([...sandbox, claimed(OTHER_ENVIRONMENT)])
      .when(patch({ driver: 'local' }))
      .then({ refused: 'local_environment_exists', environmentId: OTHER_ENVIRONMENT });
  });

  it('from local frees the claim', () => {
    const { state } = given(local)
      .when(patch({ driver: 'sandbox', config: SANDBOX.config }))
      .then([changed({ driver: 'sandbox', config: SANDBOX.config }), freed]);
    expect(state.claim).toBeNull();
  });

  it('of a local one leaves the claim where the driver stays', () => {
    given(local)
      .when(patch({ driver: 'local', name: 'Here' }))
      .then([changed({ name: 'Here' })]);
    given(local)
      .when(patch({ status: 'archived' }))
      .then([changed({ status: 'archived' })]);
  });

  it('of one that is deleted, or never was, finds none', () => {
    given([...sandbox, deleted])
      .when(patch({ name: 'Back' }))
      .then({ refused: 'environment_not_found' });
    given([])
      .when(patch({ name: 'Back' }))
      .then({ refused: 'environment_not_found' });
  });
});

describe('recording a probe', () => {
  const record = ({ environment }: Basis) => together(recordProbe(FINDING, environment));

  it('is done each time, while there is the environment', () => {
    given([created(SANDBOX)])
      .when(record)
      .then([probed])
      .again.then([probed]);
    given([]).when(record).then({ refused: 'environment_not_found' });
    given([created(SANDBOX), deleted])
      .when(record)
      .then({ refused: 'environment_not_found' });
  });
});

describe('deleting an environment', () => {
  it('deletes it, once', () => {
    given([created(SANDBOX)])
      .when(remove())
      .then([deleted])
      .again.then({ refused: 'environment_not_found' });
  });

  it('that is archived deletes it too', () => {
    given([created(SANDBOX), changed({ status: 'archived' })])
      .when(remove())
      .then([deleted]);
  });

  it('with open leases is refused and names them', () => {
    const leaseIds = ['d0000000-0000-7000-8000-000000000001', 'd0000000-0000-7000-8000-000000000002'];
    given([created(SANDBOX)])
      .when(remove(leaseIds))
      .then({ refused: 'environment_in_use', leaseIds });
  });

  it('that is local frees the claim, so that another may be made', () => {
    const { state } = given([created(LOCAL), claimed()])
      .when(remove())
      .then([deleted, freed]);
    expect(createEnvironment(OTHER_ENVIRONMENT, LOCAL, { kind: 'none' }, state.claim).kind).toBe('accepted');
  });

  it('that is not local leaves the claim of another', () => {
    given([created(SANDBOX), claimed(OTHER_ENVIRONMENT)])
      .when(remove())
      .then([deleted]);
  });

  it('that never was finds none', () => {
    given([]).when(remove()).then({ refused: 'environment_not_found' });
  });
});
