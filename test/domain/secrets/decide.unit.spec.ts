import { describe, expect, it } from '@jest/globals';
import { accepted } from '../../../src/event-sourcing/commands/decision.js';
import { belongsTo, createSecret, deleteSecret, rotateSecret, secretOf } from '../../../src/domain/secrets/decide.js';
import { SECRET_EVENTS, secretStream, type SecretEvent } from '../../../src/domain/secrets/events.js';
import { parseSecretRef, secretIdsIn } from '../../../src/domain/secrets/secret-refs.js';
import { evolveSecret, initialSecret, type SecretState } from '../../../src/domain/secrets/state.js';
import { at, FIRST_POSITION, specification } from '../../support/given-when-then.js';

const COMPANY = 'c0000000-0000-7000-8000-000000000001';
const OTHER_COMPANY = 'c0000000-0000-7000-8000-000000000002';
const SECRET = 'a0000000-0000-7000-8000-000000000001';
const ENVIRONMENT = 'e0000000-0000-7000-8000-000000000001';
const OTHER_ENVIRONMENT = 'e0000000-0000-7000-8000-000000000002';
const LEASE = 'b0000000-0000-7000-8000-000000000001';

const given = specification<SecretState, SecretEvent>({
  initial: initialSecret,
  evolve: evolveSecret,
  companyId: COMPANY,
  definitions: SECRET_EVENTS,
  streamOf: () => secretStream(SECRET),
});

const created: SecretEvent = { type: 'SecretCreated', data: { name: 'Key', version: 1, madeFor: null } };
const madeFor: SecretEvent = {
  type: 'SecretCreated',
  data: { name: 'Key', version: 1, madeFor: { environmentId: ENVIRONMENT, field: 'privateKey' } },
};
const rotated = (version: number): SecretEvent => ({ type: 'SecretRotated', data: { version } });
const referenced = (environmentId: string): SecretEvent => ({ type: 'SecretReferenced', data: { environmentId } });
const deleted: SecretEvent = { type: 'SecretDeleted', data: {} };
const UNUSED = { environmentIds: [], leaseIds: [] };

const remove = (uses = UNUSED as { environmentIds: string[]; leaseIds: string[] }, companyId = COMPANY) => {
  return (state: SecretState) => deleteSecret(companyId, state, uses);
};

describe('a secret', () => {
  it('begins with version 1', () => {
    const { state } = given([])
      .when(() => accepted(createSecret('Key', null)))
      .then([created]);
    expect(state).toEqual({
      kind: 'present',
      secret: {
        id: SECRET,
        companyId: COMPANY,
        name: 'Key',
        latestVersion: 1,
        madeFor: null,
        environmentIds: [],
        createdAt: at(0),
        updatedAt: at(0),
        version: 1,
        position: FIRST_POSITION,
      },
    });
  });

  it('gets a version more each time that it is rotated', () => {
    const { state } = given([created])
      .when((before) => rotateSecret(COMPANY, before))
      .then([rotated(2)])
      .again.then([rotated(3)]);
    expect(state).toMatchObject({ secret: { latestVersion: 3, createdAt: at(0), updatedAt: at(2) } });
  });

  it('remembers every environment that has referred to it, once', () => {
    const { state } = given([madeFor, referenced(OTHER_ENVIRONMENT), referenced(OTHER_ENVIRONMENT)]);
    expect(state).toMatchObject({ secret: { environmentIds: [ENVIRONMENT, OTHER_ENVIRONMENT], updatedAt: at(0) } });
  });

  it('is deleted while nothing refers to it, and not found from then on', () => {
    given([created, rotated(2)])
      .when(remove())
      .then([deleted])
      .again.then({ refused: 'secret_not_found' });
    given([created, deleted])
      .when((before) => rotateSecret(COMPANY, before))
      .then({ refused: 'secret_not_found' });
  });

  it.each([
    { environmentIds: [ENVIRONMENT], leaseIds: [] },
    { environmentIds: [], leaseIds: [LEASE] },
  ])('is not deleted while something refers to it: %j', (uses) => {
    given([created])
      .when(remove(uses))
      .then({ refused: 'secret_in_use', ...uses });
  });

  it('is not found by another company', () => {
    given([created]).when(remove(UNUSED, OTHER_COMPANY)).then({ refused: 'secret_not_found' });
    given([created])
      .when((state) => rotateSecret(OTHER_COMPANY, state))
      .then({ refused: 'secret_not_found' });
  });

  it('belongs to the environment that it was made for until another one refers to it', () => {
    const own = (events: SecretEvent[]) => {
      const secret = secretOf(COMPANY, given(events).state);
      return secret !== null && belongsTo(ENVIRONMENT, secret);
    };
    expect(own([madeFor])).toBe(true);
    expect(own([madeFor, referenced(ENVIRONMENT)])).toBe(true);
    expect(own([madeFor, referenced(OTHER_ENVIRONMENT)])).toBe(false);
    expect(own([created, referenced(ENVIRONMENT)])).toBe(false);
  });
});

describe('a reference', () => {
  const ref = { type: 'secret_ref', secretId: SECRET, version: 'latest' };

  it('is to a version or the latest, which is also meant where none is said', () => {
    expect(parseSecretRef(ref)).toEqual(ref);
    expect(parseSecretRef({ ...ref, version: 3 })).toEqual({ ...ref, version: 3 });
    expect(parseSecretRef({ type: 'secret_ref', secretId: SECRET.toUpperCase() })).toEqual(ref);
  });

  it.each([
    null,
    'text',
    {},
    { ...ref, type: 'other' },
    { ...ref, secretId: 'x' },
    { ...ref, version: 0 },
    { ...ref, version: 1.5 },
    { ...ref, version: '1' },
  ])('is not %j', (value) => {
    expect(parseSecretRef(value)).toBeNull();
  });

  it('is found however deep it is', () => {
    let deep: object = { key: ref };
    for (let depth = 0; depth < 100_000; depth += 1) deep = depth % 2 === 0 ? [deep] : { deep };
    expect(secretIdsIn(deep)).toEqual(new Set([SECRET]));
    expect(secretIdsIn({ secretId: SECRET, list: [null, 1, 'x', { type: 'secret_ref' }] })).toEqual(new Set());
  });
});
