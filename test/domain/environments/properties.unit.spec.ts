import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Decision } from '../../../src/event-sourcing/commands/decision.js';
import {
  createEnvironment,
  deleteEnvironment,
  patchedConfig,
  patchEnvironment,
  recordProbe,
  type EnvironmentPatch,
  type NewEnvironment,
} from '../../../src/domain/environments/decide.js';
import { changeCordon, type CordonWish } from '../../../src/domain/environments/decide-cordon.js';
import { quarantine } from '../../../src/domain/environments/decide-quarantine.js';
import { ENVIRONMENT_DRIVERS } from '../../../src/domain/driver-contract/driver-names.js';
import { ENVIRONMENT_STATUSES, ON_DEADLINE } from '../../../src/domain/environments/environment-names.js';
import { environmentStream, localEnvironmentStream } from '../../../src/domain/environments/events.js';
import { initialEnvironment, type EnvironmentState } from '../../../src/domain/environments/state.js';
import type { Recorded } from '../../../src/event-sourcing/event-log/events.js';
import { schemaProblems } from '../../frozen-events/schema-problems.js';
import { jsonObject } from '../leases/lease-arbitraries.js';
import { deepFreeze, Recorder } from '../../support/given-when-then.js';
import {
  COMPANY,
  ENVIRONMENT_DEFINITIONS,
  environmentSubject,
  FAILED_LEASE,
  FINDING,
  isClaimEvent,
  together,
  type AnyEnvironmentEvent,
  type Basis,
} from './environment-examples.js';

/** Every field of an environment in JSON that callers were promised. */
const FIELDS = [
  ...['id', 'companyId', 'name', 'description', 'driver', 'status', 'config', 'metadata'],
  ...[
    'requireFence',
    'provisioningTimeoutSeconds',
    'cordoned',
    'drain',
    'quarantine',
    'createdAt',
    'updatedAt',
    'version',
    'position',
  ],
];

const LAST_FAILURE = { leaseId: FAILED_LEASE, reasonCode: 'authentication_failed' } as const;

const IDS = [1, 2, 3].map((n) => `a0000000-0000-7000-8000-00000000000${n}`);

/** A command on one of a company's environments. */
type Command = { readonly id: string } & (
  | { readonly kind: 'create'; readonly wanted: NewEnvironment }
  | { readonly kind: 'patch'; readonly patch: EnvironmentPatch }
  | { readonly kind: 'delete'; readonly openLeaseIds: readonly string[] }
  | { readonly kind: 'probe'; readonly ok: boolean }
  | { readonly kind: 'failures'; readonly failures: number }
  | (CordonWish & { readonly isEmpty: boolean })
);

interface Step {
  readonly command: Command;
  readonly before: Basis;
  readonly events: readonly Recorded<AnyEnvironmentEvent>[];
  readonly after: Basis;
  /** All of the company's environments. */
  readonly all: readonly EnvironmentState[];
}

const nullable = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
const fields = {
  name: fc.string(),
  description: nullable(fc.string()),
  driver: fc.constantFrom(...ENVIRONMENT_DRIVERS),
  config: jsonObject,
  metadata: nullable(jsonObject),
  requireFence: fc.boolean(),
  provisioningTimeoutSeconds: fc.integer({ min: 1, max: 86_400 }),
};
const id = fc.constantFrom(...IDS);
const commands = fc.array(
  fc.oneof<fc.Arbitrary<Command>[]>(
    fc.record({ id, kind: fc.constant('create' as const), wanted: fc.record(fields) }),
    fc.record({
      id,
      kind: fc.constant('patch' as const),
      patch: fc.record({ ...fields, status: fc.constantFrom(...ENVIRONMENT_STATUSES) }, { requiredKeys: [] }),
    }),
    fc.record({ id, kind: fc.constant('probe' as const), ok: fc.boolean() }),
    fc.record({ id, kind: fc.constant('failures' as const), failures: fc.integer({ min: 1, max: 12 }) }),
    fc.record({ id, kind: fc.constant('cordon' as const), reason: nullable(fc.string()), isEmpty: fc.boolean() }),
    fc.record({ id, kind: fc.constant('uncordon' as const), isEmpty: fc.boolean() }),
    fc.record({
      ...{ id, kind: fc.constant('drain' as const), reason: nullable(fc.string()), isEmpty: fc.boolean() },
      deadline: fc.constantFrom('2026-11-24T10:30:00.000Z', '2026-11-24T11:30:00.000Z'),
      onDeadline: fc.constantFrom(...ON_DEADLINE),
    }),
    fc.record({ id, kind: fc.constant('delete' as const), openLeaseIds: fc.array(fc.uuid(), { maxLength: 1 }) }),
  ),
  { maxLength: 20 },
);

function decide(command: Command, { environment, claim }: Basis): Decision<readonly AnyEnvironmentEvent[]> {
  switch (command.kind) {
    case 'create':
      return together(createEnvironment(command.id, command.wanted, environment, claim));
    case 'patch':
      return together(patchEnvironment(withWholeConfig(command.patch, environment), environment, claim));
    case 'delete':
      return together(deleteEnvironment(environment, command.openLeaseIds));
    case 'probe':
      return together(recordProbe({ ...FINDING, ok: command.ok }, environment));
    case 'failures':
      return together(quarantine(command.failures, LAST_FAILURE, environment));
    case 'cordon':
    case 'uncordon':
    case 'drain':
      return together(changeCordon(command, environment, command.isEmpty));
  }
}

/** As the command does it before it decides. */
function withWholeConfig(patch: EnvironmentPatch, state: EnvironmentState): EnvironmentPatch {
  if (state.kind !== 'present' || (patch.config === undefined && patch.driver === undefined)) return patch;
  return { ...patch, config: patchedConfig(state.environment, patch) };
}

/** Carries the commands out, one after another; an environment is created once, because its id is made for it. */
function run(all: readonly Command[]): Step[] {
  let of = '';
  const recorder = new Recorder<AnyEnvironmentEvent>({
    ...environmentSubject,
    streamOf: (event) => (isClaimEvent(event) ? localEnvironmentStream(COMPANY) : environmentStream(of)),
  });
  const environments = new Map<string, EnvironmentState>();
  let claim: Basis['claim'] = null;
  return all.flatMap((command) => {
    of = command.id;
    const environment = environments.get(of) ?? initialEnvironment;
    if (command.kind === 'create' && environment.kind !== 'none') return [];
    const before = deepFreeze({ environment, claim });
    const decision = decide(deepFreeze(command), before);
    const facts = decision.kind === 'accepted' ? decision.facts : [];
    const events = facts.map((fact) => deepFreeze(recorder.record(fact)));
    const after = events.reduce((basis, event) => deepFreeze(environmentSubject.evolve(basis, event)), before);
    environments.set(of, after.environment);
    claim = after.claim;
    return [{ command, before, events, after, all: [...environments.values()] }];
  });
}

/** Checks every step of any run of commands. Inputs are frozen: a decider or a fold that writes into them throws. */
function holdsFor(check: (step: Step) => void): void {
  fc.assert(
    fc.property(commands, (all) => {
      run(all).forEach(check);
    }),
    { numRuns: 150 },
  );
}

describe('whatever commands come, in whatever order', () => {
  it('what is decided may be stored, and says something', () => {
    holdsFor(({ events }) => {
      expect(schemaProblems(ENVIRONMENT_DEFINITIONS, events)).toEqual([]);
      for (const { type, data } of events) if (type === 'EnvironmentChanged') expect(data).not.toEqual({});
    });
  });

  it('a command given twice records nothing the second time', () => {
    holdsFor(({ command, after, events }) => {
      // Each probe is recorded.
      if ((command.kind === 'create' && events.length > 0) || command.kind === 'probe') return;
      const again = decide(command, after);
      expect(again.kind === 'accepted' ? again.facts : []).toEqual([]);
    });
  });

  it('a company has at most one local environment, and the claim names it', () => {
    holdsFor(({ all, after }) => {
      const local = all.flatMap((state) =>
        state.kind === 'present' && state.environment.driver === 'local' ? [state.environment.id] : [],
      );
      expect(local).toEqual(after.claim === null ? [] : [after.claim]);
    });
  });

  it('an environment has every field, and only names that callers know', () => {
    holdsFor(({ after: { environment: state } }) => {
      if (state.kind === 'none') return;
      const { environment } = state;
      expect(Object.keys(environment).sort()).toEqual([...FIELDS].sort());
      expect(ENVIRONMENT_DRIVERS).toContain(environment.driver);
      expect(ENVIRONMENT_STATUSES).toContain(environment.status);
      expect(JSON.parse(JSON.stringify(environment))).toEqual(environment);
    });
  });

  it('an environment takes new leases unless the last that was asked for says no', () => {
    holdsFor(({ command, before, after: { environment: state } }) => {
      if (state.kind !== 'present') return;
      const { cordoned } = state.environment;
      if (command.kind === 'cordon' || command.kind === 'drain') expect(cordoned).not.toBeNull();
      else if (command.kind === 'uncordon') expect(cordoned).toBeNull();
      else if (command.kind === 'probe' || command.kind === 'failures') return;
      else
        expect(cordoned).toEqual(
          before.environment.kind === 'present' ? before.environment.environment.cordoned : null,
        );
    });
  });

  it('a quarantine, and nothing else, ends by a probe that finds it usable', () => {
    holdsFor(({ command, before: { environment: before }, after: { environment: after } }) => {
      if (after.kind !== 'present' || before.kind !== 'present') return;
      const { cordoned, quarantine: held } = after.environment;
      expect(cordoned?.by === 'quarantine').toBe(held !== null);
      if (command.kind !== 'probe') return;
      const wasHeld = before.environment.quarantine !== null;
      expect(cordoned).toEqual(wasHeld && command.ok ? null : before.environment.cordoned);
    });
  });

  it('a patch leads to what it says', () => {
    holdsFor(({ command, before, after }) => {
      if (command.kind !== 'patch' || before.environment.kind !== 'present') return;
      const refused = after.environment === before.environment && command.patch.driver === 'local';
      if (refused || after.environment.kind !== 'present') return;
      const { environment } = after.environment;
      expect({ ...environment, ...withWholeConfig(command.patch, before.environment) }).toEqual(environment);
    });
  });

  it('a deleted environment changes no more', () => {
    holdsFor(({ before, after }) => {
      if (before.environment.kind === 'deleted') expect(after).toEqual(before);
    });
  });

  it('version and position are those of the newest event but for probes, and grow', () => {
    holdsFor(({ before, events, after }) => {
      if (after.environment.kind === 'none') return;
      const last = events.filter((event) => !isClaimEvent(event) && event.type !== 'EnvironmentProbed').at(-1);
      const previous = before.environment.kind === 'none' ? null : before.environment.environment;
      const { version, position } = after.environment.environment;
      expect([version, position]).toEqual([last?.version ?? previous?.version, last?.position ?? previous?.position]);
      expect(version).toBeGreaterThanOrEqual(previous?.version ?? 1);
    });
  });

  it('folding again, of what was stored as JSON, gives the same', () => {
    holdsFor(({ before, events, after }) => {
      const stored = JSON.parse(JSON.stringify({ before, events })) as Pick<Step, 'before' | 'events'>;
      const again = stored.events.reduce<Basis>(
        (basis, event) => environmentSubject.evolve(basis, event),
        stored.before,
      );
      expect(again).toEqual(after);
    });
  });
});
