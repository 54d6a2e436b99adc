export { createPool, PostgresClient, type PostgresConfig } from './postgres-client.js';
