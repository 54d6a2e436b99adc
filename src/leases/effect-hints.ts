import { Injectable } from '@nestjs/common';
import { EventBus } from '@nestjs/cqrs';
import type { Lease } from './state.js';

/** Said within this process when a lease has an effect to be done. It may be lost: what is pending is in the log. */
export class EffectPending {
  constructor(readonly lease: Lease) {}
}

@Injectable()
export class EffectHints {
  constructor(private readonly events: EventBus) {}

  /** To be called after the append. */
  about(lease: Lease): void {
    if (lease.effect && !lease.effect.underWay) this.events.publish(new EffectPending(lease));
  }
}
