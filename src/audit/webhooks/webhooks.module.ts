import { Inject, Logger, Module, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Background } from '../../platform/config/background.js';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { Clock, EventLog } from '../../event-sourcing/event-log/index.js';
import { packageVersion } from '../../platform/http/package-version.js';
import { newId } from '../../event-sourcing/ids/new-id.js';
import { SubscriptionRunner } from '../../event-sourcing/subscriptions/index.js';
import { ChangeWebhook, ChangeWebhookHandler } from './commands/change-webhook.js';
import { CreateWebhookHandler } from './commands/create-webhook.js';
import { RotateWebhookSecretHandler } from './commands/rotate-webhook-secret.js';
import { Deliverer } from './delivery/deliverer.js';
import { Messages } from './delivery/signed-messages.js';
import { Sender } from './delivery/sender.js';
import { WebhookDeliveriesController } from './http/webhook-deliveries.controller.js';
import { WebhooksController } from './http/webhooks.controller.js';
import { Filling } from './outbox/filling.js';
import { WebhookReader } from './queries/webhook-reader.js';
import { SigningSecrets } from './signing-secrets.js';
import { WebhookStore } from './webhook-store.js';

/** Sends events to whoever wants them. */
@Module({
  controllers: [WebhooksController, WebhookDeliveriesController],
  providers: [
    WebhookStore,
    SigningSecrets,
    WebhookReader,
    CreateWebhookHandler,
    ChangeWebhookHandler,
    RotateWebhookSecretHandler,
    {
      provide: Deliverer,
      useFactory: deliverer,
      inject: [EventLog, Clock, SigningSecrets, CommandBus, CONFIG, Background],
    },
  ],
  exports: [WebhookStore],
})
export class WebhooksModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    private readonly log: EventLog,
    private readonly runner: SubscriptionRunner,
    private readonly deliverer: Deliverer,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** The outbox is filled by whoever is there, as the read models are; sending is work. */
  async onApplicationBootstrap(): Promise<void> {
    this.runner.add(new Filling(this.log));
    if (this.config.role !== 'api') await this.deliverer.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.deliverer.stop();
  }
}

function deliverer(
  log: EventLog,
  clock: Clock,
  secrets: SigningSecrets,
  commands: CommandBus,
  { webhooks }: Config,
  background: Background,
): Deliverer {
  const logger = new Logger('Webhooks');
  const { retryMs, timeoutMs, pauseAfter, privateAddresses } = webhooks;
  const messages = new Messages(log, clock, secrets, `Leasehold/${packageVersion()}`);
  return new Deliverer(log, messages, new Sender(privateAddresses, timeoutMs), {
    ...{ retryMs, timeoutMs, pauseAfter },
    pause: ({ webhook }, reason, detail) => {
      const context = { actor: 'system:webhooks', correlationId: newId(), idempotency: null };
      const change = { kind: 'pause', reason, detail, ifVersion: webhook.version } as const;
      return commands.execute(new ChangeWebhook(webhook.companyId, webhook.id, change, context));
    },
    warn: (message) => logger.warn(message),
    background,
  });
}
