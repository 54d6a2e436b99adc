export { ApiAnswer, ApiProblems, ApiRequest, type ApiAnswerOptions, type Example } from './api-docs.js';
export { canonicalJson } from './canonical-json.js';
export { Context } from './command-context.js';
export { createHttpApp } from './create-http-app.js';
export { IdempotencyKey, IfMatch, MinPosition, PreferWait, type IdempotencyKeyHeader } from './request-headers.js';
export { IsJsonObject, IsUuid, UuidParam } from './validation.js';
export { validationFailed } from './validation-failed.js';
