import { Injectable } from '@nestjs/common';
import type { CommandContext } from '../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../event-sourcing/commands/command-runner.js';
import { newId } from '../../event-sourcing/ids/new-id.js';
import { takeoverFailed } from './decide-effects.js';
import { EffectHints } from './effect-hints.js';
import { KeptSandboxes } from './kept-sandboxes.js';
import type { LeaseEvent } from './events.js';
import { LeaseStore } from './lease-store.js';
import type { Lease, LeaseEffect, LeaseState } from './state.js';

/** What a decision about an effect came to: the lease afterwards, and whether anything was recorded. */
export interface EffectRecord {
  readonly lease: Lease;
  readonly recorded: boolean;
}

type Request = Pick<LeaseEffect, 'correlationId' | 'requestedBy'>;

/** The worker's way back to the log. */
@Injectable()
export class LeaseEffects {
  constructor(
    private readonly runner: CommandRunner,
    private readonly leases: LeaseStore,
    private readonly kept: KeptSandboxes,
    private readonly hints: EffectHints,
  ) {}

  /** The lease as the log has it now. @throws LeaseholdError lease_not_found */
  async lease(leaseId: string): Promise<Lease> {
    return (await this.leases.current(leaseId)).state;
  }

  /**
   * Records what is decided on the newest state of the lease; it is decided again when the lease has changed meanwhile.
   * @param request that the events belong to
   */
  async record(
    { id: leaseId, companyId }: Lease,
    request: Request,
    decide: (state: LeaseState) => readonly LeaseEvent[],
  ): Promise<EffectRecord> {
    const outcome = await this.runner.run(companyId, contextOf(request), async () => {
      const before = await this.leases.current(leaseId);
      const events = decide(before.state);
      const writes = events.length > 0 ? [this.leases.write(this.runner, leaseId, before, events)] : [];
      return { writes, guards: [], result: {}, before };
    });
    if (outcome.kind === 'repeated') throw new Error('A command without a key cannot be repeated.');
    const { before } = outcome.plan;
    if (outcome.events.length === 0) return { lease: before.state, recorded: false };
    const lease = this.leases.advance(leaseId, before, outcome.events);
    this.hints.about(lease);
    return { lease, recorded: true };
  }

  /** What the lease was to take over cannot be used: the lease that left it takes it down, and this one gets another. */
  async recordFailedTakeover(leaseId: string, effect: LeaseEffect): Promise<void> {
    const { companyId } = await this.lease(leaseId);
    const outcome = await this.runner.run(companyId, contextOf(effect), async () => {
      const before = await this.leases.current(leaseId);
      const events = takeoverFailed(before.state, effect.effectId);
      const from = before.state.takenOver;
      if (events.length === 0 || from === null) return { writes: [], guards: [], result: {} };
      const left = await this.kept.discard(await this.leases.current(from.leaseId), 'resume_check_failed');
      return { writes: [this.leases.write(this.runner, leaseId, before, events), left], guards: [], result: {} };
    });
    if (outcome.kind === 'done') await this.hints.aboutDiscarded(outcome.events);
  }
}

/** What a worker records belongs to the request that the effect came from. */
function contextOf({ correlationId, requestedBy }: Request): CommandContext {
  return {
    actor: 'system:provisioning',
    correlationId: correlationId ?? newId(),
    causationId: requestedBy,
    idempotency: null,
  };
}
