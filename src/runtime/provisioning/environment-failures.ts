import type { PoolClient } from 'pg';
import type { CommandRunner } from '../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../event-sourcing/commands/decision.js';
import type { LogTransaction, Recorded, RecordedEvent } from '../../event-sourcing/event-log/index.js';
import { OvertakenError, type Subscription } from '../../event-sourcing/subscriptions/index.js';
import {
  counts,
  MOST_FAILURES,
  quarantine,
  recover,
  type LastFailure,
} from '../../domain/environments/decide-quarantine.js';
import type { EnvironmentStore } from '../../domain/environments/environment-store.js';
import { environmentStream, type EnvironmentEvent } from '../../domain/environments/events.js';
import { leaseIdOf, type LeaseEvent } from '../../domain/leases/events.js';

const TYPES = ['ProvisioningAttemptFailed', 'LeaseActivated', 'EnvironmentUncordoned'] as const satisfies readonly (
  LeaseEvent | EnvironmentEvent
)['type'][];

type Counted = Extract<Recorded<LeaseEvent> | Recorded<EnvironmentEvent>, { type: (typeof TYPES)[number] }>;

interface Tally {
  readonly inARow: number;
  /** Of the events that were counted just now: what the last of them says, when it says anything. */
  readonly last: { readonly event: Counted; readonly failure: LastFailure | null } | null;
}

/**
 * Counts each environment's provisioning failures in a row, and quarantines it after too many. The count moves in the
 * transaction of the checkpoint and of the quarantine, so each failure counts once.
 */
export class EnvironmentFailures implements Subscription {
  readonly name = 'environment-failures';
  readonly types = TYPES;

  constructor(
    private readonly runner: CommandRunner,
    private readonly environments: EnvironmentStore,
  ) {}

  async handle(events: readonly RecordedEvent[], transaction: LogTransaction): Promise<void> {
    const { client } = transaction;
    const environmentOf = await environmentsOf(client, events);
    const before = await countsOf(client, [...new Set(environmentOf.values())]);
    const after = new Map<string, Tally>();
    for (const event of events as readonly Counted[]) {
      const id = environmentOf.get(event.stream);
      if (id !== undefined) after.set(id, tallied(after.get(id) ?? { inARow: before.get(id) ?? 0, last: null }, event));
    }
    for (const [id, { inARow }] of after) if (inARow !== (before.get(id) ?? 0)) await setCount(client, id, inARow);
    // Appends hold the log's lock: last of all.
    for (const [id, tally] of after) await this.decide(id, before.get(id) ?? 0, tally, transaction);
  }

  /** What failed in a history that is not the log's does not count. */
  async anotherHistory({ client }: LogTransaction, head: number): Promise<number> {
    await client.query('DELETE FROM environment_failures');
    return head;
  }

  private async decide(
    id: string,
    before: number,
    { inARow, last }: Tally,
    transaction: LogTransaction,
  ): Promise<void> {
    if (last === null || Math.max(before, inARow) < MOST_FAILURES) return;
    const known = await this.environments.environments.understood(environmentStream(id), Infinity);
    if (known === null || known.state.kind === 'none') return;
    const { event, failure } = last;
    const facts = factsOf(failure ? quarantine(inARow, failure, known.state) : recover(known.state));
    if (facts.environment.length === 0) return;
    const { companyId } = known.state.environment;
    const claim = { state: null, version: 0 };
    const verdict = await transaction.append({
      ...{ companyId, actor: 'system:quarantine', correlationId: event.correlationId, causationId: event.id },
      writes: this.environments.writes(this.runner, companyId, id, { environment: known, claim }, facts),
      ...{ guards: [], idempotency: null },
    });
    if (verdict.kind !== 'ok') throw new OvertakenError(event, `the environment ${id} has changed`);
  }
}

function tallied({ inARow, last }: Tally, event: Counted): Tally {
  switch (event.type) {
    case 'ProvisioningAttemptFailed': {
      const { failureClass, reasonCode } = event.data;
      if (!counts(failureClass)) return { inARow, last };
      return { inARow: inARow + 1, last: { event, failure: { leaseId: leaseIdOf(event.stream), reasonCode } } };
    }
    case 'LeaseActivated':
      return { inARow: 0, last: { event, failure: null } };
    // Who uncordons it says that it is another case now.
    case 'EnvironmentUncordoned':
      return { inARow: 0, last: null };
  }
}

/** By stream: of leases their parent, of environments themselves. */
async function environmentsOf(client: PoolClient, events: readonly RecordedEvent[]): Promise<Map<string, string>> {
  const { rows } = await client.query<{ stream: string; environment: string }>(
    'SELECT stream, coalesce(parent, stream) AS environment FROM streams WHERE stream = ANY ($1)',
    [[...new Set(events.map(({ stream }) => stream))]],
  );
  return new Map(rows.map(({ stream, environment }) => [stream, environment.slice(environmentStream('').length)]));
}

async function countsOf(client: PoolClient, ids: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await client.query<{ id: string; inARow: number }>(
    'SELECT environment_id AS id, in_a_row AS "inARow" FROM environment_failures WHERE environment_id = ANY ($1::uuid[])',
    [ids],
  );
  return new Map(rows.map(({ id, inARow }) => [id, inARow]));
}

async function setCount(client: PoolClient, id: string, inARow: number): Promise<void> {
  if (inARow === 0) await client.query('DELETE FROM environment_failures WHERE environment_id = $1', [id]);
  else {
    await client.query(
      `INSERT INTO environment_failures (environment_id, in_a_row) VALUES ($1, $2)
       ON CONFLICT (environment_id) DO UPDATE SET in_a_row = excluded.in_a_row`,
      [id, inARow],
    );
  }
}
