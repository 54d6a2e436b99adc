import { Global, Module, type DynamicModule } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessGuard } from '../domain/access/http/access.guard.js';
import { BeforeAuthentication } from '../domain/access/http/before-authentication.js';
import { Callers, OPERATOR_TOKEN } from '../domain/access/http/callers.js';
import { ForeignRequests } from '../domain/access/http/foreign-requests.js';
import { StandingCallers } from '../domain/access/http/standing-callers.js';
import { SUBJECT_COMPANIES, type SubjectCompanies } from '../domain/access/http/subject-companies.js';
import { TokensController } from '../domain/access/http/tokens.controller.js';
import { TokenDirectory } from '../domain/access/token-directory.js';
import { EnvironmentStore } from '../domain/environments/environment-store.js';
import { EnvironmentsModule } from '../domain/environments/environments.module.js';
import { LeaseholdError } from '../errors/catalogue.js';
import { FenceGuard } from '../domain/leases/http/fence.guard.js';
import { LeaseStore } from '../domain/leases/lease-store.js';
import { LeasesModule } from '../domain/leases/leases.module.js';
import { SecretStore } from '../domain/secrets/secret-store.js';
import { WebhookStore } from '../audit/webhooks/webhook-store.js';
import { WebhooksModule } from '../audit/webhooks/webhooks.module.js';

/** Who may do what. It is here because what a route is about is found by the domains, which are above the guard's folder. */
@Global()
@Module({
  imports: [EnvironmentsModule, LeasesModule, WebhooksModule],
  controllers: [TokensController],
  providers: [
    TokenDirectory,
    Callers,
    ForeignRequests,
    BeforeAuthentication,
    StandingCallers,
    {
      provide: SUBJECT_COMPANIES,
      useFactory: subjectCompanies,
      inject: [EnvironmentStore, LeaseStore, SecretStore, WebhookStore],
    },
    { provide: APP_GUARD, useClass: AccessGuard },
    // Behind the other: what a caller may not see tells him no fence.
    { provide: APP_GUARD, useClass: FenceGuard },
  ],
  exports: [Callers],
})
export class AccessModule {
  static on(operatorToken: string | null): DynamicModule {
    return { module: AccessModule, providers: [{ provide: OPERATOR_TOKEN, useValue: operatorToken }] };
  }
}

/** The sentences are those that the routes themselves refuse with: nothing tells what is hidden from what is not there. */
function subjectCompanies(
  environments: EnvironmentStore,
  leases: LeaseStore,
  secrets: SecretStore,
  webhooks: WebhookStore,
): SubjectCompanies {
  return {
    company: {
      parameter: 'companyId',
      companyOf: (id) => Promise.resolve(id),
      notFound: () => new LeaseholdError('company_not_found', 'There is no company with this id.'),
    },
    environment: {
      parameter: 'id',
      companyOf: (id) => environments.companyOf(id),
      notFound: () => new LeaseholdError('environment_not_found', 'There is no environment with this id.'),
    },
    lease: {
      parameter: 'leaseId',
      companyOf: (id) => leases.companyOf(id),
      notFound: () => new LeaseholdError('lease_not_found', 'There is no lease with this id.'),
    },
    secret: {
      parameter: 'secretId',
      companyOf: (id) => secrets.companyOf(id),
      notFound: () => new LeaseholdError('secret_not_found', 'There is no secret with this id.'),
    },
    webhook: {
      parameter: 'webhookId',
      companyOf: (id) => webhooks.companyOf(id),
      notFound: () => new LeaseholdError('webhook_not_found', 'There is no webhook with this id.'),
    },
  };
}
