export { createPool, PostgresClient, unbounded, type PostgresConfig } from './postgres-client.js';
