import type { EventDefinition } from '../../../event-sourcing/event-log/index.js';
import { validationFailed } from '../../../platform/http/validation-failed.js';

/** @throws LeaseholdError validation_failed for a type that there is not: nothing would ever come */
export function requireKnownTypes(
  field: string,
  types: readonly string[],
  definitions: readonly Pick<EventDefinition, 'type'>[],
): void {
  const known = new Set(definitions.map(({ type }) => type));
  const unknown = types.filter((type) => !known.has(type));
  if (unknown.length === 0) return;
  throw validationFailed(unknown.map((type) => ({ field, message: `${type} is not an event type` })));
}
