import { createPostgresBackend, type PostgresConnectionOptions } from 'bullmq';
import { PostgresClient, type PostgresConfig } from '../postgres/index.js';

const SCHEMA = 'bull';
const CONNECTIONS = 4;

/** What BullMQ's Postgres backend connects with. It names its tables without their schema. */
export function queueConnection(client: PostgresConfig): PostgresConnectionOptions {
  const settings = { search_path: `"${SCHEMA}"` };
  const config = { ...client, settings, Client: PostgresClient, schema: SCHEMA, migrate: true, max: CONNECTIONS };
  // Their type differs in what may be undefined.
  return config as PostgresConnectionOptions;
}

/** BullMQ's own, but its connection for LISTEN, beside its pool, is made as all others are. */
export const queueBackend: typeof createPostgresBackend = (name, opts, factory) => {
  const backend = createPostgresBackend(name, opts, factory);
  Reflect.set(Reflect.get(backend, 'connection') as object, 'pgModule', { Client: PostgresClient });
  return backend;
};
