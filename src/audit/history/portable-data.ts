import type { RecordedEvent } from '../../event-sourcing/event-log/index.js';

type Fields = Readonly<Record<string, unknown>>;

const FOR_DRIVERS = ['teardown'];

/**
 * What an event says, without what only drivers need and what its reader may not see of configs: itself where there is
 * none of it. A probe's sentence may quote the config, and digests of its values can be guessed.
 */
export function portableData(
  { type, data, notUnderstood }: Pick<RecordedEvent, 'type' | 'data' | 'notUnderstood'>,
  seesConfig: boolean,
): unknown {
  if (notUnderstood) return withoutFields(data, seesConfig ? FOR_DRIVERS : [...FOR_DRIVERS, 'config', 'metadata']);
  const said = data as Fields;
  const hidden: Fields = { ...withoutTeardown(said), ...(!seesConfig && withoutConfig(type, said)) };
  return Object.keys(hidden).length === 0 ? said : { ...said, ...hidden };
}

/** Whether all of an event is for readers who may not see configs; of a newer release's nobody knows the shape. */
export function isForEverybody(event: Pick<RecordedEvent, 'type' | 'data'>): boolean {
  return portableData(event, false) === event.data && !hasField(event.data, [...FOR_DRIVERS, 'config']);
}

function withoutTeardown({ teardown, grant }: Fields): Fields {
  const granted = isSomething(grant) && isSomething(grant['teardown']) ? grant : null;
  return {
    ...(isSomething(teardown) && { teardown: {} }),
    ...(granted && { grant: { ...granted, teardown: {} } }),
  };
}

function withoutConfig(type: string, { config, metadata, fingerprint }: Fields): Fields {
  if (type === 'EnvironmentProbed') return { summary: '', steps: [] };
  if (type === 'ReuseAgreed') return isSomething(fingerprint) ? { fingerprint: {} } : {};
  if (!type.startsWith('Environment')) return {};
  return {
    ...(isSomething(config) && { config: {} }),
    ...(isSomething(metadata) && { metadata: null }),
  };
}

function isSomething(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

/** Wherever they are. */
function withoutFields(data: unknown, fields: readonly string[]): unknown {
  if (Array.isArray(data)) return data.map((item: unknown) => withoutFields(item, fields));
  if (typeof data !== 'object' || data === null) return data;
  const kept = Object.entries(data).filter(([field]) => !fields.includes(field));
  return Object.fromEntries(kept.map(([field, value]) => [field, withoutFields(value, fields)]));
}

function hasField(data: unknown, fields: readonly string[]): boolean {
  if (typeof data !== 'object' || data === null) return false;
  return Object.entries(data).some(
    ([field, value]: [string, unknown]) => (fields.includes(field) && isSomething(value)) || hasField(value, fields),
  );
}
