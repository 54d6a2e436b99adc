import type { EventDefinition } from '../../../event-sourcing/event-log/index.js';
import { requireKnownTypes } from '../../feed/http/known-types.js';
import { validationFailed } from '../../../platform/http/validation-failed.js';
import { requireAllowed } from '../addresses.js';
import { isAboutWebhooks, type WebhookFilter } from '../events.js';
import type { WebhookFilterBody } from './webhook-bodies.js';

/** @throws LeaseholdError validation_failed, webhook_address_refused */
export function addressOf(text: string, privateAddresses: boolean): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) throw invalid('must be an http or https URL');
  if (url.username !== '' || url.password !== '') throw invalid('must not have credentials in it');
  if (!privateAddresses) requireAllowed(url);
  url.hash = '';
  return url.href;
}

/** @throws LeaseholdError validation_failed for a type of event that is never delivered */
export function filterOf(body: WebhookFilterBody, definitions: readonly EventDefinition[]): WebhookFilter {
  const { type = null, stream = null, environmentId = null, leaseId = null, runId = null } = body;
  const delivered = definitions.filter((definition) => !isAboutWebhooks(definition));
  requireKnownTypes('filter.type', type ?? [], delivered);
  return { type: type && [...new Set(type)], stream, environmentId, leaseId, runId };
}

function invalid(message: string): Error {
  return validationFailed([{ field: 'url', message }]);
}
