import { environmentStream } from '../../domain/environments/events.js';
import type { ReadAfterOptions, RecordedEvent } from '../../event-sourcing/event-log/index.js';
import { leaseStream } from '../../domain/leases/events.js';

/** What a reader wants of a company's events. Of several conditions all must hold. */
export interface FeedFilter {
  readonly companyId: string;
  readonly types?: readonly string[] | undefined;
  readonly stream?: string | undefined;
  readonly leaseId?: string | undefined;
  /** The environment's own events, and those of its leases. */
  readonly environmentId?: string | undefined;
  /** Those of the run's leases. */
  readonly runId?: string | undefined;
}

/** Where a lease belongs, as its first event says. */
export interface LeaseOrigin {
  readonly environmentId: string;
  readonly heartbeatRunId: string | null;
}

/**
 * Picks what a reader wants from the log as it goes by. An event does not say which environment or run it belongs to, its
 * lease's first one does: so leases are noted as they begin, and `begun` has those that began before the reader came.
 */
export class FeedSelection {
  private readonly streams: Set<string> | null;
  private readonly types: ReadonlySet<string> | null;

  /** @param begun ids of leases that match `environmentId` and `runId` */
  constructor(
    private readonly filter: FeedFilter,
    begun: readonly string[],
  ) {
    this.types = filter.types ? new Set(filter.types) : null;
    this.streams = needsLeases(filter) ? new Set(begun.map(leaseStream)) : null;
    const { environmentId, runId } = filter;
    if (environmentId !== undefined && runId === undefined) this.streams?.add(environmentStream(environmentId));
  }

  get companyId(): string {
    return this.filter.companyId;
  }

  /** As much of the filter as the log can apply. */
  get readOptions(): Pick<ReadAfterOptions, 'companyId' | 'types' | 'stream'> {
    const { companyId, types, stream = this.leaseStream } = this.filter;
    // Of the others, the first events of leases are needed.
    const ofTypes = types !== undefined && this.streams === null ? { types } : {};
    return { companyId, ...(stream !== undefined && { stream }), ...ofTypes };
  }

  /** To be asked of every event of the company once, in the order of the log. */
  wants(event: RecordedEvent): boolean {
    const { companyId, stream } = this.filter;
    if (event.companyId !== companyId) return false;
    if (this.streams && event.type === 'LeaseRequested' && isOfLease(this.filter, event.data as LeaseOrigin)) {
      this.streams.add(event.stream);
    }
    return (
      (this.streams?.has(event.stream) ?? true) &&
      (stream === undefined || stream === event.stream) &&
      (this.leaseStream === undefined || this.leaseStream === event.stream) &&
      (this.types?.has(event.type) ?? true)
    );
  }

  private get leaseStream(): string | undefined {
    return this.filter.leaseId === undefined ? undefined : leaseStream(this.filter.leaseId);
  }
}

export function needsLeases({ environmentId, runId }: FeedFilter): boolean {
  return environmentId !== undefined || runId !== undefined;
}

/** Whether a lease fits what a filter says of environments and runs. */
export function isOfLease({ environmentId, runId }: FeedFilter, lease: LeaseOrigin): boolean {
  return (
    (environmentId === undefined || environmentId === lease.environmentId) &&
    (runId === undefined || runId === lease.heartbeatRunId)
  );
}
