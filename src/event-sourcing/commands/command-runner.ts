import { createHmac, KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { newId } from '../ids/new-id.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import { EventLog, type NewEvent, type RecordedEvent, type StreamGuard, type StreamWrite } from '../event-log/index.js';
import type { CommandContext } from './command-context.js';
import { FINGERPRINT_KEY } from './fingerprint-key.js';
import { changeRows, recordAlongside, type Alongside } from './record-alongside.js';
import { Turns } from './turns.js';

/** What a command wants to record. */
export interface CommandPlan {
  readonly writes: readonly StreamWrite[];
  readonly guards: readonly StreamGuard[];
  /** What it needs to give the same answer again when it is repeated with its idempotency key. */
  readonly result: object;
  /** Further writes of the same transaction; there may be no events. */
  readonly alongside?: Alongside | null;
}

type FirstResult = { readonly fingerprint: string; readonly result: unknown; readonly position: number };

export type CommandOutcome<Plan extends CommandPlan> =
  /** `position` is that of its last event, or of the log's head where it had none. */
  | { readonly kind: 'done'; readonly plan: Plan; readonly events: readonly RecordedEvent[]; readonly position: number }
  /** It was done before: answer from `result` and what the streams were at `position`. */
  | { readonly kind: 'repeated'; readonly result: Plan['result']; readonly position: number };

/** Nothing was recorded, because another command was faster (on `stream`, if known). Plan again. */
interface Overtaken {
  readonly kind: 'overtaken';
  readonly stream: string | null;
}

/** Whoever is overtaken plans again for this long: each time, somebody else has got through. */
const PATIENCE_MS = 10_000;
/**
 * The first few attempts follow at once; later ones after a random pause, so that the callers of several processes do not
 * meet again and again.
 */
const EAGER_ATTEMPTS = 3;
const LONGEST_PAUSE_MS = 50;

/**
 * How every command is recorded: plan on the known state, append, and plan again on the newest state when another command
 * was faster.
 */
@Injectable()
export class CommandRunner {
  private readonly turns = new Turns();

  constructor(
    private readonly log: EventLog,
    @Inject(FINGERPRINT_KEY) private readonly fingerprintKey: KeyObject,
  ) {}

  /**
   * @param plan decides what to record. With `fresh` it must read its states from the log; without, it may use those
   * that it knows. A refusal made without `fresh` is not believed until it is made with it.
   * @param isWithinAnother the plan of another command waits for it, and may be having the turn that it would wait for
   * @throws LeaseholdError the plan's refusals; version_conflict, idempotency_key_reused
   */
  async run<Plan extends CommandPlan>(
    companyId: string,
    context: CommandContext,
    plan: (fresh: boolean) => Promise<Plan>,
    { isWithinAnother = false } = {},
  ): Promise<CommandOutcome<Plan>> {
    const idempotency = this.keyed(context.idempotency);
    if (idempotency) {
      const first = await this.log.read.firstResult(companyId, idempotency.key);
      if (first) return repeatedBy(first, idempotency);
    }
    const attempt = (fresh: boolean) => this.attempt(companyId, context, idempotency, plan, fresh);
    const deadline = performance.now() + PATIENCE_MS;
    let contested: string | null = null;
    let isConflict = false;
    // One attempt may have waited for a lock all that time, and the next would get through.
    for (let attempts = 0; attempts < EAGER_ATTEMPTS || performance.now() < deadline; attempts += 1) {
      if (attempts > EAGER_ATTEMPTS) await pause(Math.random() * LONGEST_PAUSE_MS);
      const outcome: CommandOutcome<Plan> | Overtaken =
        contested === null ? await attempt(attempts > 0) : await this.turns.take(contested, () => attempt(true));
      if (outcome.kind !== 'overtaken') return outcome;
      isConflict ||= outcome.stream !== null;
      // A command that is overtaken once may find nothing left to do. One that is overtaken again competes with many others:
      // they take turns, or each of them would plan as often as there are others before it.
      contested = attempts === 0 || isWithinAnother ? null : outcome.stream;
    }
    // No stream has changed, but each time another transaction held a lock or row that it needs.
    if (!isConflict) throw new LeaseholdError('overloaded', 'Other commands kept interfering.');
    throw new LeaseholdError('version_conflict', `Other commands kept changing it for ${PATIENCE_MS / 1000} s.`);
  }

  private async attempt<Plan extends CommandPlan>(
    companyId: string,
    { actor, correlationId, causationId }: CommandContext,
    idempotency: CommandContext['idempotency'],
    plan: (fresh: boolean) => Promise<Plan>,
    fresh: boolean,
  ): Promise<CommandOutcome<Plan> | Overtaken> {
    const planned = await this.planned(plan, fresh);
    if (planned === null) return { kind: 'overtaken', stream: null };
    const { writes, guards, result, alongside = null } = planned;
    if (writes.length === 0 && !idempotency) {
      if (alongside && !(await changeRows(this.log, alongside))) return { kind: 'overtaken', stream: null };
      return { kind: 'done', plan: planned, events: [], position: await this.log.read.head() };
    }
    const append = {
      companyId,
      actor,
      correlationId,
      causationId: causationId ?? null,
      writes,
      guards,
      idempotency: idempotency && { ...idempotency, result },
    };
    const verdict = await (alongside ? recordAlongside(this.log, append, alongside) : this.log.append(append));
    if (verdict === 'in the way') return { kind: 'overtaken', stream: null };
    if (verdict.kind === 'conflict') return { kind: 'overtaken', stream: verdict.stream };
    if (verdict.kind === 'duplicate') return repeatedBy(verdict, idempotency);
    return { kind: 'done', plan: planned, events: verdict.events, position: verdict.position };
  }

  /** @returns null for a refusal of what was not known for certain */
  private async planned<Plan>(plan: (fresh: boolean) => Promise<Plan>, fresh: boolean): Promise<Plan | null> {
    try {
      return await plan(fresh);
    } catch (error) {
      if (!fresh && error instanceof LeaseholdError) return null;
      throw error;
    }
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
    throw new LeaseholdError('idempotency_key_reused', 'This Idempotency-Key was used with another command before.');
  }
  return { kind: 'repeated', result: first.result as object, position: first.position };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
