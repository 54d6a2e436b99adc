import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { CommandBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import {
  commandContextOf,
  isLeaseCommand,
  isUuid,
  leaseFenceOf,
  REQUIREMENT,
  type Requirement,
} from '../../../platform/http/index.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import { EnvironmentStore } from '../../environments/environment-store.js';
import { RefuseStaleFence } from '../commands/refuse-stale-fence.js';
import { mayCommand } from '../decide-fence.js';
import { LeaseStore } from '../lease-store.js';

const BEHIND_LEASE = /^.*\/:leaseId\//;

/**
 * Stands before every command on a lease, behind the guard that asks who may: whoever says the fence of an earlier holder
 * is refused before anything is done.
 */
@Injectable()
export class FenceGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly leases: LeaseStore,
    private readonly environments: EnvironmentStore,
    private readonly commands: CommandBus,
  ) {}

  /** @throws LeaseholdError lease_not_found, stale_fence, fence_mismatch, fence_required, validation_failed */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const requirement = this.reflector.get<Requirement | undefined>(REQUIREMENT, context.getHandler());
    if (!isLeaseCommand(request.method, requirement)) return true;
    const { leaseId: id } = request.params as Readonly<Record<string, unknown>>;
    // What is no id is refused by the route's own validation.
    if (!isUuid(id)) return true;
    const leaseId = id.toLowerCase();
    const fence = leaseFenceOf(request);
    // A lease's fence and environment never change: they are right however old what is known of it is.
    const lease = await this.leases.known(leaseId);
    const isRequired = fence === null && (await this.requiresFence(lease.terms.environmentId));
    const decision = mayCommand(lease, fence, isRequired);
    if (fence !== null && decision.kind === 'refused' && decision.code === 'stale_fence') {
      const command = (request.routeOptions.url ?? '').replace(BEHIND_LEASE, '');
      await this.commands.execute(new RefuseStaleFence(leaseId, fence, command, commandContextOf(request)));
    }
    factsOf(decision);
    return true;
  }

  /** As the log has it now: another process may have changed it. */
  private async requiresFence(environmentId: string): Promise<boolean> {
    return (await this.environments.anyOf(environmentId, true)).state.requireFence;
  }
}
