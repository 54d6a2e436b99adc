import { createPostgresBackend, type PostgresConnectionOptions } from 'bullmq';
import { PostgresClient, type PostgresConfig } from '../../event-sourcing/postgres/index.js';

const SCHEMA = 'bull';

/**
 * What BullMQ's Postgres backend connects with. It names its tables without their schema. Its statements are not bounded: the
 * one that makes the tables waits for its turn.
 */
export function queueConnection(client: PostgresConfig, connections: number): PostgresConnectionOptions {
  const settings = { search_path: `"${SCHEMA}"` };
  const bullmq = { schema: SCHEMA, migrate: true, max: connections };
  const config = { ...client, ...bullmq, settings, query_timeout: undefined, Client: PostgresClient };
  // Their type differs in what may be undefined.
  return config as PostgresConnectionOptions;
}

/** BullMQ's own, but its connection for LISTEN, beside its pool, is made as all others are. */
export const queueBackend: typeof createPostgresBackend = (name, opts, factory) => {
  const backend = createPostgresBackend(name, opts, factory);
  Reflect.set(Reflect.get(backend, 'connection') as object, 'pgModule', { Client: PostgresClient });
  return backend;
};
