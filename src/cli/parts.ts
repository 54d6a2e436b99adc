import type { Config } from '../platform/config/config.js';
import type { EventDefinition } from '../event-sourcing/event-log/index.js';

/** What src wires, for commands that need it without a service that runs. */
export interface Parts {
  readonly definitions: readonly EventDefinition[];
  /**
   * The service in this process, for this process alone: it listens on loopback, and takes no other token than this. Where it
   * only reads, it makes neither keys nor a data folder, and leaves a database that is not migrated as it is.
   */
  serve(
    config: Config,
    mode: 'reads' | 'changes',
  ): Promise<{ readonly url: string; readonly token: string; close(): Promise<void> }>;
}
