import { Command } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';

/**
 * Has what ended leases have left in an environment taken down, and waits a while for it. Handled by who knows leases; an
 * environment that still has something of theirs afterwards cannot be deleted yet.
 */
export class ClearLeavings extends Command<void> {
  constructor(
    readonly environmentId: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}
