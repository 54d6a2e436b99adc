import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Environment } from '../../src/domain/environments/state.js';
import type { LeaseJson } from '../../src/domain/leases/lease-json.js';
import type { ReleaseError } from '../../src/domain/leases/commands/release-run-leases.js';
import type { Problem } from '../../src/platform/http/problem.js';
import { useSecret } from './secrets-used.js';

export interface Acquired {
  readonly environment: Environment;
  readonly lease: LeaseJson;
  readonly leaseContext: {
    readonly executionWorkspaceId: string | null;
    readonly executionWorkspaceMode: string | null;
  };
  readonly position: number;
}

export interface Renewed {
  readonly lease: LeaseJson;
  readonly position: number;
}

export interface ReleasedRun {
  readonly released: readonly { readonly environment: Environment; readonly lease: LeaseJson }[];
  readonly errors: readonly ReleaseError[];
  readonly position: number;
}

export interface LeasePage {
  readonly items: LeaseJson[];
  readonly nextCursor: string | null;
}

export interface Answer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** What the service answered was not what the caller counted on. */
export class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A caller of the service: a line for each thing that callers do, and `send` for what none of them covers. */
export class Api {
  constructor(readonly url: string) {}

  async send<Body>(
    method: Method,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<Body>> {
    const asked = request(this.url + path, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    });
    // Not by `fetch`, which is four times the work. Once there is an answer, its reader is told of errors too.
    asked.on('error', () => undefined).end(JSON.stringify(body));
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    const content = await text(response);
    const token = path === '/api/tokens' ? /"value":"(lh_[^"]+)"/.exec(content)?.[1] : undefined;
    if (token !== undefined) useSecret('token', token);
    return {
      status: Number(response.statusCode),
      headers: new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
      body: (content === '' ? null : JSON.parse(content)) as Body,
    };
  }

  /** The body of an answer with this status. @throws UnexpectedAnswer */
  async expect<Body>(
    status: number,
    method: Method,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Body> {
    const answer = await this.send<Body>(method, path, body, headers);
    if (answer.status === status) return answer.body;
    throw new UnexpectedAnswer(
      `${method} ${path}: ${answer.status} instead of ${status}: ${JSON.stringify(answer.body)}`,
    );
  }

  acquire(companyId: string, wish: object = {}, headers: Record<string, string> = {}): Promise<Acquired> {
    return this.expect(201, 'POST', `/api/companies/${companyId}/leases`, wish, headers);
  }

  renew(leaseId: string, wish: object = {}, headers: Record<string, string> = {}): Promise<Renewed> {
    return this.expect(200, 'POST', `/api/environment-leases/${leaseId}/renew`, wish, headers);
  }

  release(leaseId: string, wish: object = {}, headers: Record<string, string> = {}): Promise<Acquired> {
    return this.expect(200, 'POST', `/api/environment-leases/${leaseId}/release`, wish, headers);
  }

  releaseRun(
    companyId: string,
    runId: string,
    wish: object = {},
    headers: Record<string, string> = {},
  ): Promise<ReleasedRun> {
    const path = `/api/companies/${companyId}/heartbeat-runs/${runId}/release-leases`;
    return this.expect(200, 'POST', path, wish, headers);
  }

  lease(leaseId: string, headers: Record<string, string> = {}): Promise<LeaseJson> {
    return this.expect(200, 'GET', `/api/environment-leases/${leaseId}`, undefined, headers);
  }

  leases(companyId: string, query = '', headers: Record<string, string> = {}): Promise<LeasePage> {
    return this.expect(200, 'GET', `/api/companies/${companyId}/leases${query}`, undefined, headers);
  }

  /** All pages of a company's leases, newest first. */
  async everyLease(companyId: string, limit = 500): Promise<LeaseJson[]> {
    const leases: LeaseJson[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: LeasePage = await this.leases(
        companyId,
        `?limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      leases.push(...page.items);
      cursor = page.nextCursor;
    }
    return leases;
  }

  createEnvironment(companyId: string, wanted: object, headers: Record<string, string> = {}): Promise<Environment> {
    return this.expect(201, 'POST', `/api/companies/${companyId}/environments`, wanted, headers);
  }

  /** A sandbox of the fake provider. */
  createSandbox(companyId: string, config: object = {}): Promise<Environment> {
    return this.createEnvironment(companyId, {
      name: 'Sandbox',
      driver: 'sandbox',
      config: { provider: 'fake', ...config },
    });
  }

  patchEnvironment(id: string, patch: object, headers: Record<string, string> = {}): Promise<Environment> {
    return this.expect(200, 'PATCH', `/api/environments/${id}`, patch, headers);
  }

  deleteEnvironment(id: string, headers: Record<string, string> = {}): Promise<Environment> {
    return this.expect(200, 'DELETE', `/api/environments/${id}`, undefined, headers);
  }

  environment(id: string, headers: Record<string, string> = {}): Promise<Environment> {
    return this.expect(200, 'GET', `/api/environments/${id}`, undefined, headers);
  }

  environments(companyId: string, query = '', headers: Record<string, string> = {}): Promise<Environment[]> {
    return this.expect(200, 'GET', `/api/companies/${companyId}/environments${query}`, undefined, headers);
  }

  /** The problem of a request that is refused with this status. @throws UnexpectedAnswer */
  problem(
    status: number,
    method: Method,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Problem> {
    return this.expect(status, method, path, body, headers);
  }
}
