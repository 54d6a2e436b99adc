import type { TSchema } from 'typebox';
import { Errors } from 'typebox/value';
import type { EventDefinition } from '../../src/event-sourcing/event-log/event-catalogue.js';

/**
 * What keeps events from being stored as their definitions say: data that is not of the schema, that has fields which
 * the schema does not name, or that JSON would not give back as it is.
 */
export function schemaProblems(
  definitions: readonly EventDefinition[],
  events: readonly { readonly type: string; readonly data: unknown }[],
): string[] {
  return events.flatMap(({ type, data }) => {
    const definition = definitions.find((candidate) => candidate.type === type);
    if (!definition) return [`${type} is not defined`];
    const problems = Errors(closed(definition.schema), data).map(
      ({ instancePath, message }) => `${type}${instancePath} ${message}`,
    );
    return [...problems, ...lossesIn(data, type)];
  });
}

/** The schema, with every object that names its fields having no others. */
function closed(schema: object): TSchema {
  return Object.fromEntries(
    Object.entries({ ...('properties' in schema && { additionalProperties: false }), ...schema }).map(
      ([keyword, value]: [string, unknown]) => [keyword, closedValue(value)],
    ),
  );
}

function closedValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closedValue);
  return typeof value === 'object' && value !== null ? closed(value) : value;
}

/** Paths of what JSON has no word for. */
function lossesIn(value: unknown, path: string): string[] {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return [];
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [`${path} is ${value}`];
  if (typeof value !== 'object') return [`${path} is ${typeof value}`];
  return Object.entries(value).flatMap(([key, item]) => lossesIn(item, `${path}/${key}`));
}
