import { randomUUID } from 'node:crypto';
import { Api, type Answer } from '../support/api.js';

/** What requests may name. */
export interface World {
  readonly companyId: string;
  readonly runId: string;
  /** Of the fake provider. */
  readonly environmentId: string;
  /** Whose leases take a while. */
  readonly boxId: string;
  /** In which commands run, and files come and go. */
  readonly sandboxLeaseId: string;
  readonly localLeaseId: string;
  readonly webhookId: string;
  readonly secretId: string;
}

/** There are no tokens before the first one, and nothing goes without one afterwards. */
export class AdminApi extends Api {
  private constructor(
    url: string,
    readonly token: string,
  ) {
    super(url);
  }

  static async at(url: string): Promise<AdminApi> {
    const wish = { name: 'Admin', companies: null, permissions: ['admin'] };
    const { value } = await new Api(url).expect<{ value: string }>(201, 'POST', '/api/tokens', wish);
    return new AdminApi(url, value);
  }

  override send<Body>(...[method, path, body, headers]: Parameters<Api['send']>): Promise<Answer<Body>> {
    return super.send(method, path, body, { ...headers, authorization: `Bearer ${this.token}` });
  }

  async made(path: string, wish: object): Promise<string> {
    const answer = await this.expect<{ id: string }>(201, 'POST', path, wish);
    return answer.id;
  }
}

/** It wants nothing that happens. */
export const QUIET_WEBHOOK = { url: 'https://hooks.example.invalid/', filter: { type: ['EnvironmentDeleted'] } };

export async function makeWorld(api: AdminApi): Promise<World> {
  const [companyId, runId] = [randomUUID(), randomUUID()];
  const [environment, box] = await Promise.all([
    api.createSandbox(companyId),
    api.createSandbox(companyId, { provider: 'bubblewrap' }),
  ]);
  const [sandbox, local] = await Promise.all([
    api.acquire(companyId, { environmentId: box.id }, { Prefer: 'wait=60' }),
    api.acquire(companyId),
  ]);
  const webhookId = await api.made(`/api/companies/${companyId}/webhooks`, QUIET_WEBHOOK);
  const secretId = await api.made(`/api/companies/${companyId}/secrets`, { name: 'Key', value: 'a value of nobody' });
  return {
    ...{ companyId, runId, webhookId, secretId },
    ...{ environmentId: environment.id, boxId: box.id },
    ...{ sandboxLeaseId: sandbox.lease.id, localLeaseId: local.lease.id },
  };
}

/** What was only there for the requests goes. */
export async function endWorld(api: AdminApi, { companyId, runId, ...world }: World): Promise<void> {
  for (let left = true; left;) left = (await api.releaseRun(companyId, runId)).released.length > 0;
  await Promise.all([world.sandboxLeaseId, world.localLeaseId].map((id) => api.release(id)));
}
