import { Injectable } from '@nestjs/common';
import { EventLog, type RecordedEvent } from '../event-log/index.js';
import { environmentStream } from '../environments/events.js';
import { leaseStream } from '../leases/events.js';
import { leaseJson } from '../leases/lease-json.js';
import { effectsOf, type Bundle } from './bundle.js';
import { Histories } from './histories.js';
import { portableData } from './portable-data.js';
import { environmentSubject } from './subjects.js';
import { stepsOf } from './timeline.js';

/** Makes bundles of what the log has. */
@Injectable()
export class Bundles {
  constructor(
    private readonly log: EventLog,
    private readonly histories: Histories,
  ) {}

  /**
   * @param at as it would have been made at this position; null: now
   * @param seesConfig whether its reader may see the configs of environments
   * @throws LeaseholdError lease_not_found
   */
  async of(leaseId: string, at: number | null, seesConfig: boolean, serviceVersion: string): Promise<Bundle> {
    const position = at ?? (await this.log.read.head());
    const { lease, events } = await this.histories.lease(leaseId, position);
    const others = [environmentStream(lease.terms.environmentId), ...relatedTo(events).map(leaseStream)];
    const ofOthers = await Promise.all(others.map((stream) => this.histories.events(stream, position)));
    const all = [...events, ...ofOthers.flat()].map((event) => ({ ...event, data: portableData(event, seesConfig) }));
    all.sort((one, other) => one.position - other.position);
    const ofEnvironment = all.filter(({ stream }) => stream === others[0]);
    const environment = stepsOf(
      environmentSubject((known) => known, true),
      ofEnvironment,
    ).at(-1)?.after;
    return {
      ...{ format: 'leasehold.bundle', formatVersion: 1, serviceVersion, position },
      ...{ leaseId, companyId: lease.companyId },
      schemas: schemasOf(all),
      configRedacted: !seesConfig,
      lease: { ...leaseJson(lease) },
      environment: environment ? { ...environment } : null,
      effects: effectsOf(events),
      events: all,
    };
  }
}

/** The schema version of each type, by name. */
function schemasOf(events: readonly RecordedEvent[]): Record<string, number> {
  const versions = new Map(events.map(({ type, schemaVersion }) => [type, schemaVersion]));
  return Object.fromEntries([...versions].sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Leases whose sandbox the lease has had, and that have had its. */
function relatedTo(events: readonly RecordedEvent[]): string[] {
  const ids = events
    .filter(({ type }) => type === 'SandboxTakenOver' || type === 'SandboxHandedOn' || type === 'ReuseRejected')
    .map(({ data }) => (data as { leaseId: string }).leaseId);
  return [...new Set(ids)];
}
