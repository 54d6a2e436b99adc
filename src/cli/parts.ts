import type { EventDefinition } from '../event-log/index.js';

/** What src wires, for commands that need it without a service. */
export interface Parts {
  readonly definitions: readonly EventDefinition[];
}
