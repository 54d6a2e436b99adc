import { Injectable } from '@nestjs/common';
import { CommandRunner } from '../commands/command-runner.js';
import { newId } from '../ids/new-id.js';
import { EffectHints } from './effect-hints.js';
import type { LeaseEvent } from './events.js';
import { LeaseStore } from './lease-store.js';
import type { Lease, LeaseEffect, LeaseState } from './state.js';

/** What a decision about an effect came to: the lease afterwards, and whether anything was recorded. */
export interface EffectRecord {
  readonly lease: Lease;
  readonly recorded: boolean;
}

/** The worker's way back to the log. */
@Injectable()
export class LeaseEffects {
  constructor(
    private readonly runner: CommandRunner,
    private readonly leases: LeaseStore,
    private readonly hints: EffectHints,
  ) {}

  /** The lease as the log has it now. @throws LeaseholdError lease_not_found */
  async lease(leaseId: string): Promise<Lease> {
    return (await this.leases.current(leaseId)).state;
  }

  /**
   * Records what is decided on the newest state of the lease; it is decided again when the lease has changed meanwhile.
   * @param effect whose request the events belong to
   */
  async record(
    { id: leaseId, companyId }: Lease,
    effect: LeaseEffect,
    decide: (state: LeaseState) => readonly LeaseEvent[],
  ): Promise<EffectRecord> {
    const context = {
      actor: 'system:provisioning',
      correlationId: effect.correlationId ?? newId(),
      causationId: effect.requestedBy,
      idempotency: null,
    };
    const outcome = await this.runner.run(companyId, context, async () => {
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
}
