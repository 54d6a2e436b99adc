import type { Settings } from '../../../src/platform/config/config.js';
import type {
  DeliveriesAnswer,
  WebhookAnswer,
  WebhookViewAnswer,
  WebhookWithSecretAnswer,
} from '../../../src/audit/webhooks/http/webhook-answers.js';
import type { Api } from '../../support/api.js';
import { useSecret } from '../../support/secrets-used.js';

/** Receivers of tests are on loopback, and nobody waits for long. */
export const LOOPBACK: Settings & Record<string, string> = {
  LEASEHOLD_WEBHOOK_PRIVATE_ADDRESSES: 'true',
  LEASEHOLD_WEBHOOK_RETRY_MS: '[50, 100, 200]',
  LEASEHOLD_WEBHOOK_TIMEOUT_MS: '2000',
};

/** A company's webhooks, as an operator has them. */
export class Hooks {
  readonly path: string;

  constructor(
    readonly api: Api,
    readonly companyId: string,
  ) {
    this.path = `/api/companies/${companyId}/webhooks`;
  }

  async create(
    url: string,
    more: object = {},
    headers: Record<string, string> = {},
  ): Promise<WebhookWithSecretAnswer & { secret: string }> {
    return kept(await this.api.expect(201, 'POST', this.path, { url, ...more }, headers));
  }

  async rotate(
    id: string,
    overlapSeconds: number,
    headers: Record<string, string> = {},
  ): Promise<WebhookWithSecretAnswer & { secret: string }> {
    const path = `${this.path}/${id}/rotate-secret`;
    return kept(await this.api.expect(200, 'POST', path, { overlapSeconds }, headers));
  }

  do(id: string, what: 'pause' | 'resume' | 'redeliver', body: object = {}): Promise<WebhookAnswer> {
    return this.api.expect(200, 'POST', `${this.path}/${id}/${what}`, body);
  }

  patch(id: string, body: object): Promise<WebhookAnswer> {
    return this.api.expect(200, 'PATCH', `${this.path}/${id}`, body);
  }

  get(id: string): Promise<WebhookViewAnswer> {
    return this.api.expect(200, 'GET', `${this.path}/${id}`);
  }

  deliveries(id: string, query = ''): Promise<DeliveriesAnswer> {
    return this.api.expect(200, 'GET', `${this.path}/${id}/deliveries${query}`);
  }

  async until(id: string, reached: (webhook: WebhookViewAnswer) => boolean): Promise<WebhookViewAnswer> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      const webhook = await this.get(id);
      if (reached(webhook)) return webhook;
      if (performance.now() > deadline) throw new Error(`It has not come to that: ${JSON.stringify(webhook)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function kept<Answer extends WebhookWithSecretAnswer>(answer: Answer): Answer & { secret: string } {
  if (answer.secret === null) throw new Error('There is no secret in the answer.');
  useSecret('webhook secret', answer.secret);
  return { ...answer, secret: answer.secret };
}
