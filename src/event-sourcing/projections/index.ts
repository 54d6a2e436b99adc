export { isoTime, safeInteger } from './columns.js';
export { foldAll, type Projection } from './projection.js';
export { Projections, type ProjectionsOptions } from './projections.js';
export type { Verification } from './verification.js';
export type { ProjectionStatus, RebuildStatus } from './status.js';
