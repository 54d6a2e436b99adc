import { Injectable } from '@nestjs/common';
import { EventLog, type RecordedEvent } from '../../event-sourcing/event-log/index.js';
import { environmentStream } from '../../domain/environments/events.js';
import { leaseStream } from '../../domain/leases/events.js';
import { leaseJson } from '../../domain/leases/lease-json.js';
import { addEffect, type Bundle } from './bundle.js';
import { Histories } from './histories.js';
import { portableData } from './portable-data.js';
import { environmentSubject } from './subjects.js';
import { Folding } from './timeline.js';

/** Makes bundles of what the log has. */
@Injectable()
export class Bundles {
  constructor(
    private readonly log: EventLog,
    private readonly histories: Histories,
  ) {}

  /**
   * A bundle as text, in pieces: its events may be more than there is memory. They are read twice, for what comes before
   * them tells of all of them.
   * @param at as it would have been made at this position; null: now
   * @param seesConfig whether its reader may see the configs of environments
   * @throws LeaseholdError lease_not_found
   */
  async of(
    leaseId: string,
    at: number | null,
    seesConfig: boolean,
    serviceVersion: string,
  ): Promise<AsyncGenerator<string>> {
    const position = at ?? (await this.log.read.head());
    const effects: Bundle['effects'] = [];
    const related = new Set<string>();
    const versions = new Map<string, number>();
    const see = ({ type, schemaVersion }: RecordedEvent): unknown => versions.set(type, schemaVersion);
    const lease = await this.histories.lease(leaseId, position, ({ event }) => {
      see(event);
      addEffect(effects, event);
      if (TELLS_OF_ANOTHER.includes(event.type)) related.add((event.data as { leaseId: string }).leaseId);
    });
    const environment = new Folding(environmentSubject((known) => known, true));
    const ofEnvironment = environmentStream(lease.terms.environmentId);
    let asItIs: Bundle['environment'] = null;
    for await (const event of this.log.read.stream(ofEnvironment, { upTo: position })) {
      see(event);
      const { after } = environment.step({ ...event, data: portableData(event, seesConfig) });
      asItIs = after && { ...after };
    }
    const others = [...related].map(leaseStream);
    for (const stream of others) for await (const event of this.log.read.stream(stream, { upTo: position })) see(event);
    const head: Omit<Bundle, 'events'> = {
      ...{ format: 'leasehold.bundle', formatVersion: 1, serviceVersion, position },
      ...{ leaseId, companyId: lease.companyId },
      schemas: Object.fromEntries([...versions].sort(([one], [other]) => (one < other ? -1 : 1))),
      configRedacted: !seesConfig,
      lease: { ...leaseJson(lease) },
      environment: asItIs,
      effects,
    };
    const streams = [leaseStream(leaseId), ofEnvironment, ...others];
    return text(head, inOrder(streams.map((stream) => this.log.read.stream(stream, { upTo: position }))), seesConfig);
  }
}

/** The lease whose sandbox a lease has had, or that has had its. */
const TELLS_OF_ANOTHER: readonly string[] = ['SandboxTakenOver', 'SandboxHandedOn', 'ReuseRejected'];

async function* text(
  head: Omit<Bundle, 'events'>,
  events: AsyncIterable<RecordedEvent>,
  seesConfig: boolean,
): AsyncGenerator<string> {
  yield `${JSON.stringify(head).slice(0, -1)},"events":[`;
  let between = '';
  for await (const event of events) {
    yield between + JSON.stringify({ ...event, data: portableData(event, seesConfig) });
    between = ',';
  }
  yield ']}';
}

/** The events of several streams, in the order of the log. */
async function* inOrder(streams: readonly AsyncGenerator<RecordedEvent, void>[]): AsyncGenerator<RecordedEvent> {
  const heads = await Promise.all(streams.map((stream) => stream.next()));
  for (;;) {
    let first = -1;
    let position = Infinity;
    heads.forEach(({ value }, index) => {
      if (!value || value.position > position) return;
      [first, position] = [index, value.position];
    });
    const [stream, event] = [streams[first], heads[first]?.value];
    if (!stream || !event) return;
    yield event;
    heads[first] = await stream.next();
  }
}
