import type { RecordedEvent } from '../event-log/index.js';

type Fields = Readonly<Record<string, unknown>>;

/**
 * What an event says, without what only drivers need and what its reader may not see of configs: itself where there is
 * none of it. A probe's sentence may quote the config, and digests of its values can be guessed.
 */
export function portableData({ type, data }: Pick<RecordedEvent, 'type' | 'data'>, seesConfig: boolean): unknown {
  const said = data as Fields;
  const hidden: Fields = { ...withoutTeardown(said), ...(!seesConfig && withoutConfig(type, said)) };
  return Object.keys(hidden).length === 0 ? said : { ...said, ...hidden };
}

/** Whether all of an event is for readers who may not see configs. */
export function isForEverybody(event: Pick<RecordedEvent, 'type' | 'data'>): boolean {
  return portableData(event, false) === event.data;
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
