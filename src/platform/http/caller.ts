import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { LeaseholdError } from '../../errors/catalogue.js';
import type { Permission } from './permissions.js';

/** Who sends a request, and what that one may do. */
export interface Caller {
  /** What its events name: `token:<id>`, or `operator:local`. */
  readonly actor: string;
  /** Lower-cased ids; null: every company. */
  readonly companies: ReadonlySet<string> | null;
  readonly permissions: ReadonlySet<Permission>;
}

const callers = new WeakMap<object, Caller>();

/** Called by whoever has found out, before anything asks. */
export function setCaller(request: FastifyRequest, caller: Caller): void {
  callers.set(request.raw, caller);
}

/** Null where nobody has found out yet. */
export function knownCallerOf(request: FastifyRequest): Caller | null {
  return callers.get(request.raw) ?? null;
}

/** @throws Error where no guard has found out: better no answer than one on nobody's behalf. */
export function callerOf(request: FastifyRequest): Caller {
  const caller = knownCallerOf(request);
  if (!caller) throw new Error('The caller of this request was not determined.');
  return caller;
}

/** Whether the caller has one of these permissions; an admin has every one. */
export function may(caller: Caller, ...permissions: readonly Permission[]): boolean {
  return caller.permissions.has('admin') || permissions.some((permission) => caller.permissions.has(permission));
}

/** @throws LeaseholdError permission_denied where the caller has none of these permissions */
export function requirePermission(caller: Caller, ...permissions: readonly Permission[]): void {
  if (!may(caller, ...permissions)) {
    throw new LeaseholdError('permission_denied', `This requires the permission ${permissions.join(' or ')}.`);
  }
}

/** Gives a handler the `Caller` of its request. */
export const From = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  callerOf(context.switchToHttp().getRequest<FastifyRequest>()),
);
