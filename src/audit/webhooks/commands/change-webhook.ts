import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import { changeWebhook, type WebhookChange } from '../decide.js';
import { SigningSecrets } from '../signing-secrets.js';
import type { Webhook } from '../state.js';
import { WebhookStore } from '../webhook-store.js';

type Change = Exclude<WebhookChange, { readonly kind: 'rotate-secret' }>;

/** Does something to a webhook. Answers with what it is then, or was. @throws LeaseholdError webhook_not_found, position_ahead_of_log */
export class ChangeWebhook extends Command<Webhook> {
  constructor(
    readonly companyId: string,
    readonly webhookId: string,
    readonly change: Change,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ChangeWebhook)
export class ChangeWebhookHandler implements ICommandHandler<ChangeWebhook> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly store: WebhookStore,
    private readonly secrets: SigningSecrets,
  ) {}

  async execute({ companyId, webhookId: id, change, context }: ChangeWebhook): Promise<Webhook> {
    const outcome = await this.runner.run(companyId, context, async () => {
      const { state, version } = await this.store.current(id);
      const events = factsOf(changeWebhook(companyId, state, change));
      return {
        writes: events.length === 0 ? [] : [this.store.write(id, version, events)],
        guards: [],
        result: {},
        alongside: change.kind === 'delete' ? (client) => this.secrets.deleteAll(client, { id, companyId }) : null,
      };
    });
    return this.store.asOf(id, outcome.position);
  }
}
