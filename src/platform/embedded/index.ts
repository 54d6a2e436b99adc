export { EmbeddedPostgresError } from './errors.js';
export { joinEmbeddedPostgres } from './join.js';
export type { EmbeddedPostgres } from './join.js';
