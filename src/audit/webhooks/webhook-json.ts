import type { Webhook } from './state.js';

/** A webhook as callers see it: without its secret, which is answered once. */
export type WebhookJson = Omit<Webhook, 'earlierSecrets'> & {
  /** Until when deliveries are signed by an earlier secret too; null: by the newest alone. */
  readonly previousSecretUntil: string | null;
};

export function webhookJson({ earlierSecrets, ...webhook }: Webhook): WebhookJson {
  const until = earlierSecrets.map((secret) => secret.until).sort();
  return { ...webhook, previousSecretUntil: until.at(-1) ?? null };
}
