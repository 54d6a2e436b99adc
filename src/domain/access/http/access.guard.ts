import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LeaseholdError } from '../../../errors/catalogue.js';
import {
  isUuid,
  knownCallerOf,
  requirePermission,
  REQUIREMENT,
  setCaller,
  type Caller,
  type Requirement,
} from '../../../platform/http/index.js';
import { SUBJECT_COMPANIES, type SubjectCompanies } from './subject-companies.js';
import { Callers } from './callers.js';

/** A route that says nothing is for those who may do everything. */
const UNSAID: Requirement = { permission: 'admin', subject: 'service' };

/** Stands before every route: finds out who calls, and refuses what that one may not do or may not know of. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly callers: Callers,
    @Inject(SUBJECT_COMPANIES) private readonly subjects: SubjectCompanies,
  ) {}

  /** @throws LeaseholdError unauthenticated, permission_denied, or the not-found of the route's subject, route_not_found */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const requirement = this.reflector.get<Requirement | undefined>(REQUIREMENT, context.getHandler()) ?? UNSAID;
    const { permission, subject } = requirement;
    if (permission === null && subject === 'service') return true;

    const caller = knownCallerOf(request) ?? (await this.callers.of(request, http.getResponse<FastifyReply>()));
    setCaller(request, caller);
    // First, so that a permission that is missing tells nothing about what there is.
    await this.mustSee(caller, requirement, request);
    if (permission !== null) requirePermission(caller, ...[permission].flat());
    return true;
  }

  private async mustSee(caller: Caller, { subject }: Requirement, request: FastifyRequest): Promise<void> {
    if (caller.companies === null) return;
    if (subject === 'service') {
      // What the service itself has is not theirs to know of, one by one.
      if (Object.keys(request.params as object).length > 0) {
        throw new LeaseholdError('route_not_found', 'There is no such thing for this token.');
      }
      throw new LeaseholdError('permission_denied', 'This requires a token for every company.');
    }
    const { parameter, companyOf, notFound } = this.subjects[subject];
    const params = request.params as Readonly<Record<string, unknown>>;
    // A company in the path counts whatever else the path names.
    const { companyId, [parameter]: id } = params;
    if (isUuid(companyId) && !caller.companies.has(companyId.toLowerCase())) throw notFound();
    // What is no id is refused by the route's own validation, which reads the same parameter.
    if (id !== undefined && !isUuid(id)) return;
    if (id === undefined || !caller.companies.has(await companyOf(id.toLowerCase()))) throw notFound();
  }
}
