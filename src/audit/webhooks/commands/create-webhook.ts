import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { newId } from '../../../event-sourcing/ids/new-id.js';
import { createWebhook } from '../decide.js';
import type { WebhookSettings } from '../events.js';
import { SigningSecrets } from '../signing-secrets.js';
import type { Webhook } from '../state.js';
import { WebhookStore } from '../webhook-store.js';

/** A webhook with the secret that was made for it. */
export interface WithSecret {
  readonly webhook: Webhook;
  /** Null where the command was repeated and the secret is gone. */
  readonly secret: string | null;
}

/** Makes a webhook, which gets the events that come from now on. */
export class CreateWebhook extends Command<WithSecret> {
  constructor(
    readonly companyId: string,
    readonly settings: WebhookSettings,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(CreateWebhook)
export class CreateWebhookHandler implements ICommandHandler<CreateWebhook> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly store: WebhookStore,
    private readonly secrets: SigningSecrets,
  ) {}

  async execute({ companyId, settings, context }: CreateWebhook): Promise<WithSecret> {
    const id = newId();
    const secret = this.secrets.make();
    const outcome = await this.runner.run(companyId, context, () =>
      Promise.resolve({
        writes: [this.store.write(id, 0, createWebhook(settings))],
        guards: [],
        result: { webhookId: id },
        alongside: (client) => this.secrets.insert(client, { id, companyId }, 1, secret),
      }),
    );
    if (outcome.kind === 'done') return { webhook: await this.store.asOf(id, outcome.position), secret };
    const webhook = await this.store.asOf(outcome.result.webhookId, outcome.position);
    return { webhook, secret: await this.secrets.find(webhook, 1) };
  }
}
