import type { EventLog, RecordedEvent } from '../../../event-sourcing/event-log/index.js';
import { FeedSelection, isOfLease, needsLeases, type FeedFilter } from '../../feed/feed-selection.js';
import { isAboutWebhooks } from '../events.js';
import type { Webhook } from '../state.js';
import { LeaseOrigins } from './lease-origins.js';

/** Picks what webhooks want, by the feed's own rules, out of some events of the log. */
export class Selections {
  private readonly origins: LeaseOrigins;

  constructor(log: EventLog) {
    this.origins = new LeaseOrigins(log);
  }

  async of(webhooks: readonly Webhook[], events: readonly RecordedEvent[]): Promise<Map<Webhook, RecordedEvent[]>> {
    const someNeedLeases = webhooks.some((webhook) => needsLeases(feedFilter(webhook)));
    const origins = someNeedLeases ? await this.origins.of(events) : new Map<string, never>();
    return new Map(
      webhooks.map((webhook) => {
        const filter = feedFilter(webhook);
        const begun = [...origins].flatMap(([leaseId, origin]) => (isOfLease(filter, origin) ? [leaseId] : []));
        const selection = new FeedSelection(filter, begun);
        return [webhook, events.filter((event) => !isAboutWebhooks(event) && selection.wants(event))];
      }),
    );
  }
}

/** As much of a webhook's filter as the log can apply. */
export function readOptionsOf(webhook: Webhook): FeedSelection['readOptions'] {
  return new FeedSelection(feedFilter(webhook), []).readOptions;
}

function feedFilter({ companyId, filter }: Webhook): FeedFilter {
  const { type, stream, environmentId, leaseId, runId } = filter;
  return {
    companyId,
    types: type ?? undefined,
    stream: stream ?? undefined,
    environmentId: environmentId ?? undefined,
    leaseId: leaseId ?? undefined,
    runId: runId ?? undefined,
  };
}
