import { may, type Caller } from '../../../platform/http/index.js';
import type { Environment } from '../state.js';
import type { EnvironmentAnswer } from './environment-answers.js';

/** An environment as this caller may see it, whosever command the answer is about. */
export function visibleEnvironment(environment: Environment, caller: Caller): EnvironmentAnswer {
  if (may(caller, 'environments:manage')) return environment;
  return { ...environment, config: {}, metadata: null, configRedacted: true, metadataRedacted: true };
}
