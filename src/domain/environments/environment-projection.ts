import type { Recorded, RecordedEvent } from '../../event-sourcing/event-log/events.js';
import type { Projection } from '../../event-sourcing/projections/projection.js';
import { EnvironmentRow } from './environment-row.js';
import { ENVIRONMENT_EVENTS, environmentStream, type EnvironmentEvent } from './events.js';
import { evolveEnvironment, initialEnvironment, isDraining, type Environment, type EnvironmentState } from './state.js';

export const environmentProjection: Projection<EnvironmentRow> = {
  name: 'environments',
  version: 5,
  entity: EnvironmentRow,
  types: ENVIRONMENT_EVENTS.map((definition) => definition.type),
  keyOf: (event) => event.stream.slice(environmentStream('').length),
  fold(row: EnvironmentRow | null, event: RecordedEvent): EnvironmentRow | null {
    const state = evolveEnvironment(stateOf(row), event as Recorded<EnvironmentEvent>);
    if (state.kind === 'none') return null;
    const isDeleted = state.kind === 'deleted';
    const nextProbeAt = isDeleted ? null : (state.environment.quarantine?.nextProbeAt ?? null);
    return { ...state.environment, deleted: isDeleted, draining: isDraining(state), nextProbeAt };
  },
};

function stateOf(row: EnvironmentRow | null): EnvironmentState {
  if (row === null) return initialEnvironment;
  return { kind: row.deleted ? 'deleted' : 'present', environment: environmentOf(row) };
}

/** What callers see of a row, in the order of the fields that events give. */
export function environmentOf(row: EnvironmentRow): Environment {
  const { id, companyId, name, description, driver, status, config, metadata } = row;
  const {
    requireFence,
    provisioningTimeoutSeconds,
    cordoned,
    drain,
    quarantine,
    createdAt,
    updatedAt,
    version,
    position,
  } = row;
  return {
    id,
    companyId,
    name,
    description,
    driver,
    status,
    config,
    metadata,
    requireFence,
    provisioningTimeoutSeconds,
    cordoned,
    drain,
    quarantine,
    createdAt,
    updatedAt,
    version,
    position,
  };
}
