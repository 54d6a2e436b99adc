import { createHmac, KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { newId } from '../ids/new-id.js';
import { LeaseholdError } from '../errors/catalogue.js';
import { EventLog, type NewEvent, type RecordedEvent, type StreamGuard, type StreamWrite } from '../event-log/index.js';
import type { CommandContext } from './command-context.js';
import { FINGERPRINT_KEY } from './fingerprint-key.js';
import { recordAlongside, type Alongside } from './record-alongside.js';

/** What a command wants to record. */
export interface CommandPlan {
  readonly writes: readonly StreamWrite[];
  readonly guards: readonly StreamGuard[];
  /** What it needs to give the same answer again when it is repeated with its idempotency key. */
  readonly result: object;
  /** What is to be committed with the events or not at all, besides them. */
  readonly alongside?: Alongside | null;
}

type FirstResult = { readonly fingerprint: string; readonly result: unknown; readonly position: number };

export type CommandOutcome<Plan extends CommandPlan> =
  /** `position` is that of its last event, or of the log's head where it had none. */
  | { readonly kind: 'done'; readonly plan: Plan; readonly events: readonly RecordedEvent[]; readonly position: number }
  /** It was done before: answer from `result` and what the streams were at `position`. */
  | { readonly kind: 'repeated'; readonly result: Plan['result']; readonly position: number };

/** Whoever is overtaken plans again for this long: each time, somebody else has got through. */
const PATIENCE_MS = 10_000;
/** The first few attempts follow at once; later ones after a random pause, so that many callers do not meet again and again. */
const EAGER_ATTEMPTS = 3;
const LONGEST_PAUSE_MS = 50;

/**
 * The way of every command: plan on the state that is known, append, and plan again on the newest state when somebody
 * was faster.
 */
@Injectable()
export class CommandRunner {
  constructor(
    private readonly log: EventLog,
    @Inject(FINGERPRINT_KEY) private readonly fingerprintKey: KeyObject,
  ) {}

  /**
   * @param plan decides what to record. With `fresh` it must read its states from the log; without, it may use those
   * that it knows. A refusal made without `fresh` is not believed until it is made with it.
   * @throws LeaseholdError the plan's refusals; version_conflict, idempotency_key_reused
   */
  async run<Plan extends CommandPlan>(
    companyId: string,
    context: CommandContext,
    plan: (fresh: boolean) => Promise<Plan>,
  ): Promise<CommandOutcome<Plan>> {
    const { actor, correlationId } = context;
    const idempotency = this.keyed(context.idempotency);
    const repeated = (first: FirstResult): CommandOutcome<Plan> => repeatedBy(first, idempotency);

    if (idempotency) {
      const first = await this.log.read.firstResult(companyId, idempotency.key);
      if (first) return repeated(first);
    }
    const deadline = performance.now() + PATIENCE_MS;
    for (let attempt = 0; performance.now() < deadline; attempt += 1) {
      if (attempt > EAGER_ATTEMPTS) await pause(Math.random() * LONGEST_PAUSE_MS);
      const planned = await this.planned(plan, attempt);
      if (planned === null) continue;
      const { writes, guards, result, alongside = null } = planned;
      if (writes.length === 0 && !idempotency) {
        return { kind: 'done', plan: planned, events: [], position: await this.log.read.head() };
      }
      const append = {
        companyId,
        actor,
        correlationId,
        causationId: context.causationId ?? null,
        writes,
        guards,
        idempotency: idempotency && { ...idempotency, result },
      };
      const verdict = await (alongside ? recordAlongside(this.log, append, alongside) : this.log.append(append));
      if (verdict === 'in the way') continue;
      if (verdict.kind === 'ok') {
        return { kind: 'done', plan: planned, events: verdict.events, position: verdict.position };
      }
      if (verdict.kind === 'duplicate') return repeated(verdict);
    }
    throw new LeaseholdError(
      'version_conflict',
      `Others have changed it all the time for ${PATIENCE_MS / 1000} seconds.`,
    );
  }

  /**
   * The outcome of the command that came with the same key before; null when it is new. For commands whose effect cannot
   * wait until they are planned. @throws LeaseholdError idempotency_key_reused
   */
  async earlier(
    companyId: string,
    context: CommandContext,
  ): Promise<{ readonly result: object; readonly position: number } | null> {
    const idempotency = this.keyed(context.idempotency);
    const first = idempotency && (await this.log.read.firstResult(companyId, idempotency.key));
    return first && repeatedBy(first, idempotency);
  }

  /** What is kept of a command's digest: whoever reads the table cannot try what the command may have said. */
  private keyed(idempotency: CommandContext['idempotency']): CommandContext['idempotency'] {
    if (!idempotency) return null;
    const fingerprint = createHmac('sha256', this.fingerprintKey).update(idempotency.fingerprint).digest('hex');
    return { key: idempotency.key, fingerprint };
  }

  private async planned<Plan>(plan: (fresh: boolean) => Promise<Plan>, attempt: number): Promise<Plan | null> {
    try {
      return await plan(attempt > 0);
    } catch (error) {
      if (attempt === 0 && error instanceof LeaseholdError) return null;
      throw error;
    }
  }

  /** Gives a decider's events what they are recorded with: an id, and the schema version that is written now. */
  stamp(events: readonly { type: string; data: object }[]): NewEvent[] {
    return events.map(({ type, data }) => ({
      id: newId(),
      type,
      schemaVersion: this.log.catalogue.schemaVersionOf(type),
      data,
    }));
  }
}

/** @throws LeaseholdError idempotency_key_reused */
function repeatedBy(
  first: FirstResult,
  idempotency: CommandContext['idempotency'],
): { kind: 'repeated'; result: object; position: number } {
  if (first.fingerprint !== idempotency?.fingerprint) {
    throw new LeaseholdError('idempotency_key_reused', 'This Idempotency-Key came with another command before.');
  }
  return { kind: 'repeated', result: first.result as object, position: first.position };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
