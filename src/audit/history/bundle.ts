import Type, { type Static } from 'typebox';
import type { RecordedEvent } from '../../event-sourcing/event-log/index.js';

const Text = Type.String();
const Position = Type.Integer({ minimum: 1 });
const Nullable = <T extends Type.TSchema>(schema: T): Type.TUnion<[T, Type.TNull]> => Type.Union([schema, Type.Null()]);
const JsonObject = Type.Record(Type.String(), Type.Unknown());

const Attempt = Type.Object({
  attempt: Type.Integer({ minimum: 1 }),
  startedAt: Type.String({ description: 'ISO 8601.' }),
  /** `under_way`: nothing has been heard of it. */
  outcome: Type.Enum(['succeeded', 'failed', 'overtaken', 'under_way']),
  endedAt: Nullable(Text),
  reasonCode: Nullable(Text),
});

/**
 * All that explains one lease, in one file that needs no service to be read: what the service said of it, and the events
 * that make it so. It holds no secret: the log has none, and what only a driver needs to take a sandbox down is left out.
 */
export const BUNDLE = Type.Object({
  format: Type.Literal('leasehold.bundle'),
  formatVersion: Type.Literal(1),
  /** Of the service that made it. */
  serviceVersion: Text,
  /** Of the log, when it was made. */
  position: Position,
  leaseId: Text,
  companyId: Text,
  /** The schema version in which each type of event is given here. */
  schemas: Type.Record(Text, Type.Integer({ minimum: 1 })),
  /** Whether the environment's config was left out, as its reader may not see it. */
  configRedacted: Type.Boolean(),
  /** As the service tells it. */
  lease: JsonObject,
  /** Null when it has been deleted. */
  environment: Nullable(JsonObject),
  /** What workers were asked to do for it. */
  effects: Type.Array(
    Type.Object({
      effectId: Text,
      kind: Type.Enum(['provisioning', 'cleanup']),
      requestedAt: Nullable(Text),
      attempts: Type.Array(Attempt),
    }),
  ),
  /** Of the lease, of its environment, and of the leases whose sandbox it had or that had its, in the order of the log. */
  events: Type.Array(
    Type.Object({
      position: Position,
      stream: Text,
      version: Position,
      id: Text,
      type: Text,
      schemaVersion: Position,
      companyId: Text,
      actor: Text,
      correlationId: Nullable(Text),
      causationId: Nullable(Text),
      recordedAt: Text,
      data: Type.Unknown(),
    }),
  ),
});
export type Bundle = Static<typeof BUNDLE>;

interface WorkerData {
  readonly effectId?: string;
  readonly attempt?: number;
  readonly reasonCode?: string;
}

const KIND = /^(Provisioning|Cleanup)/;
const OUTCOMES: Readonly<Record<string, 'succeeded' | 'failed' | 'overtaken'>> = {
  LeaseActivated: 'succeeded',
  CleanupSucceeded: 'succeeded',
  ProvisioningAttemptFailed: 'failed',
  CleanupAttemptFailed: 'failed',
  ProvisioningOvertaken: 'overtaken',
};

/** Adds what an event says of the effects of its lease, whose events come in their order. */
export function addEffect(effects: Bundle['effects'], { type, data, recordedAt }: RecordedEvent): void {
  const { effectId, attempt, reasonCode } = data as WorkerData;
  const kind = KIND.exec(type)?.[1] === 'Cleanup' ? 'cleanup' : 'provisioning';
  if (/^(Provisioning|Cleanup)(Retry)?Requested$/.test(type) && effectId !== undefined) {
    effects.push({ effectId, kind, requestedAt: recordedAt, attempts: [] });
  }
  const effect = effects.findLast((known) => known.effectId === effectId) ?? effects.at(-1);
  if (/^(Provisioning|Cleanup)Started$/.test(type) && attempt !== undefined) {
    effect?.attempts.push({ attempt, startedAt: recordedAt, outcome: 'under_way', endedAt: null, reasonCode: null });
  }
  const outcome = OUTCOMES[type];
  const last = effect?.attempts.at(-1);
  if (outcome && last?.outcome === 'under_way') {
    Object.assign(last, { outcome, endedAt: recordedAt, reasonCode: reasonCode ?? null });
  }
}
