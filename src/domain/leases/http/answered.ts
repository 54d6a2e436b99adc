import type { FastifyReply } from 'fastify';
import { visibleEnvironment } from '../../environments/http/visible-environment.js';
import type { Caller } from '../../../platform/http/index.js';
import type { AcquiredLease } from '../commands/acquire-lease.js';
import { leaseJson } from '../lease-json.js';
import type { AcquireLeaseAnswer } from './lease-answers.js';

/** What a command about one lease answers. */
export function answered(
  { environment, lease, position }: AcquiredLease,
  caller: Caller,
  reply: FastifyReply,
): AcquireLeaseAnswer {
  const { executionWorkspaceId, executionWorkspaceMode } = lease.terms;
  const reached = Math.max(position, lease.position);
  void reply.header('X-Event-Position', reached);
  return {
    environment: visibleEnvironment(environment, caller),
    lease: leaseJson(lease),
    leaseContext: { executionWorkspaceId, executionWorkspaceMode },
    position: reached,
  };
}
