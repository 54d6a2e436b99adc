import type { Decision } from '../../../src/event-sourcing/commands/decision.js';
import { FOR_LEASES, type EnvironmentFacts, type NewEnvironment } from '../../../src/domain/environments/decide.js';
import {
  ENVIRONMENT_EVENTS,
  environmentStream,
  LOCAL_ENVIRONMENT_EVENTS,
  localEnvironmentStream,
  type EnvironmentEvent,
  type LocalEnvironmentEvent,
  type ProbeFinding,
} from '../../../src/domain/environments/events.js';
import {
  evolveEnvironment,
  evolveLocalEnvironment,
  initialEnvironment,
  type EnvironmentState,
  type LocalEnvironmentClaim,
} from '../../../src/domain/environments/state.js';
import type { OnDeadline } from '../../../src/domain/environments/environment-names.js';
import type { Recorded } from '../../../src/event-sourcing/event-log/events.js';
import { accepted } from '../../../src/event-sourcing/commands/decision.js';
import { specification, type Subject } from '../../support/given-when-then.js';

export const COMPANY = 'c0000000-0000-7000-8000-000000000001';
export const ENVIRONMENT = 'a0000000-0000-7000-8000-000000000001';
export const OTHER_ENVIRONMENT = 'a0000000-0000-7000-8000-000000000002';

/** The events of an environment and those of its company's claim are decided and recorded together. */
export type AnyEnvironmentEvent = EnvironmentEvent | LocalEnvironmentEvent;

/** What a decision about an environment is made on. */
export interface Basis {
  readonly environment: EnvironmentState;
  readonly claim: LocalEnvironmentClaim;
}

export const ENVIRONMENT_DEFINITIONS = [...ENVIRONMENT_EVENTS, ...LOCAL_ENVIRONMENT_EVENTS];

export function isClaimEvent<Event extends AnyEnvironmentEvent>(
  event: Event,
): event is Extract<Event, { type: LocalEnvironmentEvent['type'] }> {
  return LOCAL_ENVIRONMENT_EVENTS.some(({ type }) => type === event.type);
}

export const environmentSubject: Subject<Basis, AnyEnvironmentEvent> = {
  initial: { environment: initialEnvironment, claim: null },
  evolve: ({ environment, claim }: Basis, event: Recorded<AnyEnvironmentEvent>): Basis =>
    isClaimEvent(event)
      ? { environment, claim: evolveLocalEnvironment(claim, event) }
      : { environment: evolveEnvironment(environment, event), claim },
  companyId: COMPANY,
  definitions: ENVIRONMENT_DEFINITIONS,
  streamOf: (event) => (isClaimEvent(event) ? localEnvironmentStream(COMPANY) : environmentStream(ENVIRONMENT)),
};

export const given = specification(environmentSubject);

/** Facts of both streams as one list, the environment's first. */
export function together(decision: Decision<EnvironmentFacts>): Decision<readonly AnyEnvironmentEvent[]> {
  if (decision.kind === 'refused') return decision;
  return accepted([...decision.facts.environment, ...decision.facts.localEnvironment]);
}

export const LOCAL: NewEnvironment = {
  name: 'This machine',
  description: null,
  driver: 'local',
  config: {},
  metadata: null,
  ...FOR_LEASES,
};

export const SANDBOX: NewEnvironment = {
  name: 'Sandbox',
  description: 'For trying things out',
  driver: 'sandbox',
  config: { provider: 'fake', image: 'ubuntu:24.04', reuseLease: false },
  metadata: { team: 'red' },
  ...FOR_LEASES,
};

export function created(wanted: NewEnvironment): AnyEnvironmentEvent {
  return { type: 'EnvironmentCreated', data: wanted };
}

export function changed(data: Extract<EnvironmentEvent, { type: 'EnvironmentChanged' }>['data']): AnyEnvironmentEvent {
  return { type: 'EnvironmentChanged', data };
}

export const FINDING: ProbeFinding = {
  driver: 'sandbox',
  ok: true,
  reasonCode: null,
  summary: 'It can be used.',
  durationMs: 3,
  steps: [],
};

export const probed: AnyEnvironmentEvent = { type: 'EnvironmentProbed', data: FINDING };

export function cordoned(reason: string | null = null): AnyEnvironmentEvent {
  return { type: 'EnvironmentCordoned', data: { reason } };
}

export const DEADLINE = '2026-11-24T10:30:00.000Z';

export function drainRequested(
  onDeadline: OnDeadline = 'release',
  deadline = DEADLINE,
  reason: string | null = null,
): AnyEnvironmentEvent {
  return { type: 'EnvironmentDrainRequested', data: { deadline, onDeadline, reason } };
}

export const drained: AnyEnvironmentEvent = { type: 'EnvironmentDrained', data: {} };

export const FAILED_LEASE = 'd0000000-0000-7000-8000-000000000001';

export function quarantined(failures = 5, waitSeconds = 60): AnyEnvironmentEvent {
  const last = { reasonCode: 'authentication_failed', leaseId: FAILED_LEASE };
  return { type: 'EnvironmentQuarantined', data: { failures, waitSeconds, ...last } };
}

export const recovered: AnyEnvironmentEvent = { type: 'EnvironmentRecovered', data: {} };

export const probedInVain: AnyEnvironmentEvent = {
  type: 'EnvironmentProbed',
  data: { ...FINDING, ok: false, reasonCode: 'authentication_failed' },
};

export const uncordoned: AnyEnvironmentEvent = { type: 'EnvironmentUncordoned', data: {} };

export const deleted: AnyEnvironmentEvent = { type: 'EnvironmentDeleted', data: {} };

export function claimed(environmentId = ENVIRONMENT): AnyEnvironmentEvent {
  return { type: 'LocalEnvironmentClaimed', data: { environmentId } };
}

export const freed: AnyEnvironmentEvent = { type: 'LocalEnvironmentFreed', data: { environmentId: ENVIRONMENT } };
