import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import { Clock } from '../../../event-sourcing/event-log/index.js';
import { changeWebhook } from '../decide.js';
import { SigningSecrets } from '../signing-secrets.js';
import { signingVersions } from '../state.js';
import { WebhookStore } from '../webhook-store.js';
import type { WithSecret } from './create-webhook.js';

/**
 * Gives a webhook another secret; for a while deliveries are signed by the one before too.
 * @throws LeaseholdError webhook_not_found
 */
export class RotateWebhookSecret extends Command<WithSecret> {
  constructor(
    readonly companyId: string,
    readonly webhookId: string,
    readonly overlapSeconds: number,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RotateWebhookSecret)
export class RotateWebhookSecretHandler implements ICommandHandler<RotateWebhookSecret> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly store: WebhookStore,
    private readonly secrets: SigningSecrets,
    private readonly clock: Clock,
  ) {}

  async execute({ companyId, webhookId: id, overlapSeconds, context }: RotateWebhookSecret): Promise<WithSecret> {
    const value = this.secrets.make();
    const owner = { id, companyId };
    const now = this.clock.date();
    const previousUntil = new Date(now.getTime() + overlapSeconds * 1_000).toISOString();
    const outcome = await this.runner.run(companyId, context, async () => {
      const { state, version } = await this.store.current(id);
      const events = factsOf(changeWebhook(companyId, state, { kind: 'rotate-secret', previousUntil }));
      const webhook = state.kind === 'present' ? state.webhook : null;
      const kept = webhook ? signingVersions(webhook, now.toISOString()) : [];
      const secretVersion = (webhook?.secretVersion ?? 0) + 1;
      return {
        writes: [this.store.write(id, version, events)],
        guards: [],
        result: { secretVersion },
        alongside: async (client) => {
          await this.secrets.insert(client, owner, secretVersion, value);
          await this.secrets.deleteBut(client, owner, [...kept, secretVersion]);
        },
      };
    });
    const webhook = await this.store.asOf(id, outcome.position);
    if (outcome.kind === 'done') return { webhook, secret: value };
    return { webhook, secret: await this.secrets.find(owner, outcome.result.secretVersion) };
  }
}
