import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { Permission } from './permissions.js';

/**
 * What a route is about, and with it the parameter that names it: `company` :companyId, `environment` :id, `lease`
 * :leaseId, `secret` :secretId, `webhook` :webhookId, `service` nothing. Who may not see the company that it belongs to is answered 404.
 */
export type Subject = 'company' | 'environment' | 'lease' | 'secret' | 'webhook' | 'service';

export interface Requirement {
  /** Of several, any one will do. Null: whoever may see the subject; of the service itself, everybody. */
  readonly permission: Permission | readonly Permission[] | null;
  readonly subject: Subject;
}

export const REQUIREMENT = Symbol('Requirement');

const READS = new Set(['GET', 'HEAD']);

/** Whether a route changes something of one lease, for whose holder alone it is. */
export function isLeaseCommand(method: string, requirement: Requirement | undefined): boolean {
  return requirement?.subject === 'lease' && !READS.has(method.toUpperCase());
}

/** Every route says what its caller needs. A route without it is refused to everybody but an admin. */
export function Requires(permission: Requirement['permission'], subject: Subject): MethodDecorator {
  const requirement: Requirement = { permission, subject };
  return applyDecorators(SetMetadata(REQUIREMENT, requirement), ApiExtension('x-requires', requirement));
}
