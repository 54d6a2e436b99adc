import { Injectable } from '@nestjs/common';
import { EventBus } from '@nestjs/cqrs';
import type { RecordedEvent } from '../../event-sourcing/event-log/index.js';
import { leaseIdOf } from './events.js';
import { LeaseStore } from './lease-store.js';
import type { Lease } from './state.js';

/** Said within this process when a lease has an effect to be done. It may be lost: what is pending is in the log. */
export class EffectPending {
  constructor(readonly lease: Lease) {}
}

@Injectable()
export class EffectHints {
  constructor(
    private readonly events: EventBus,
    private readonly leases: LeaseStore,
  ) {}

  /** As `about`, for the other leases whose cleanup an append has asked for. */
  async aboutDiscarded(events: readonly RecordedEvent[]): Promise<void> {
    for (const { type, stream } of events) {
      if (type === 'SandboxDiscarded') this.about((await this.leases.current(leaseIdOf(stream))).state);
    }
  }

  /** To be called after the append. */
  about(lease: Lease): void {
    if (lease.effect && !lease.effect.underWay) this.events.publish(new EffectPending(lease));
  }
}
