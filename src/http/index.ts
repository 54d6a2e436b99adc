export { ApiAnswer, ApiProblems, ApiRequest, type ApiAnswerOptions, type Example } from './api-docs.js';
export { Archive, TAKES_ARCHIVE } from './archive-body.js';
export { From, may, setCaller, type Caller } from './caller.js';
export { Context } from './command-context.js';
export { createHttpApp } from './create-http-app.js';
export { IfMatch, MinPosition, PreferWait } from './request-headers.js';
export { isUuid } from './uuid.js';
export { IsJsonObject, IsUuid, UuidParam } from './validation.js';
export { PERMISSIONS, REQUIREMENT, Requires, type Permission, type Requirement, type Subject } from './requires.js';
