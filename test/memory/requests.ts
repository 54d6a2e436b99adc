import { randomUUID } from 'node:crypto';
import type { ApiDocument, Operation } from '../e2e/requests-of-document.js';
import { tar } from '../runtime/workspaces/archives.js';
import { QUIET_WEBHOOK, type AdminApi, type World } from './world.js';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

export interface Route {
  readonly name: string;
  /** Whether it reads all of the log. */
  readonly readsLog: boolean;
  request(world: World): Promise<Asked>;
}

/** What a request has that its route's document does not say: it names something, or has to find something there. */
interface Own {
  readonly ids?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | Uint8Array;
}

const READS_LOG = /^(POST \/api\/audit\/verify|GET \/api\/audit\/export|\S+ \/api\/projections\/\S+)$/;
const REALIZED = {
  version: 1,
  source: { kind: 'project_primary' },
  runtimeOverlay: { provisionCommand: 'true' },
};
const FILE = await tar({ name: 'file', text: 'x'.repeat(10_000) });

/** Routes that the document has and that are not here are asked as it says. */
function ownRequests(api: AdminApi): Readonly<Record<string, (world: World) => Own | Promise<Own>>> {
  const elsewhere = () => ({ ids: { companyId: randomUUID() } });
  const lease = async ({ companyId, environmentId, runId }: World): Promise<Own> => {
    const acquired = await api.acquire(companyId, { environmentId, heartbeatRunId: runId });
    return { ids: { leaseId: acquired.lease.id } };
  };
  const kept = async ({ companyId, runId }: World): Promise<Own> => {
    // Of its own: another request would take it over.
    const { id: environmentId } = await api.createSandbox(companyId, { reuseLease: true });
    const wish = { environmentId, heartbeatRunId: runId, leasePolicy: 'reuse_by_environment' };
    const { lease: ended } = await api.acquire(companyId, wish);
    await api.release(ended.id);
    return { ids: { leaseId: ended.id } };
  };
  /** An environment of its own: others lease the world’s. */
  const ownEnvironment = async ({ companyId }: World): Promise<Own> => ({
    ids: { id: (await api.createSandbox(companyId)).id },
  });
  const inSandbox = ({ sandboxLeaseId: leaseId }: World, own: Own): Own => ({ ids: { leaseId }, ...own });
  return {
    'POST /api/companies/{companyId}/environments': elsewhere,
    'PATCH /api/environments/{id}': () => ({ body: { name: randomUUID() } }),
    'DELETE /api/environments/{id}': ownEnvironment,
    'POST /api/environments/{id}/cordon': ownEnvironment,
    'POST /api/environments/{id}/drain': ownEnvironment,
    'POST /api/companies/{companyId}/leases': ({ environmentId, runId }) => ({
      body: { environmentId, heartbeatRunId: runId },
    }),
    'PUT /api/companies/{companyId}/leases/{leaseId}': ({ environmentId, runId }) => ({
      ids: { leaseId: randomUUID() },
      body: { environmentId, heartbeatRunId: runId },
    }),
    'POST /api/environment-leases/{leaseId}/renew': lease,
    'POST /api/environment-leases/{leaseId}/release': lease,
    'POST /api/environment-leases/{leaseId}/resume': kept,
    'POST /api/environment-leases/{leaseId}/destroy': kept,
    'POST /api/companies/{companyId}/secrets': elsewhere,
    'DELETE /api/companies/{companyId}/secrets/{secretId}': async ({ companyId }) => ({
      ids: { secretId: await api.made(`/api/companies/${companyId}/secrets`, { name: 'Key', value: 'nobody’s' }) },
    }),
    'POST /api/environment-leases/{leaseId}/execute': (world) => inSandbox(world, { body: { command: 'true' } }),
    'POST /api/environment-leases/{leaseId}/realize-workspace': (world) => inSandbox(world, { body: REALIZED }),
    'POST /api/environment-leases/{leaseId}/sync-in': (world) =>
      inSandbox(world, { query: '?replace=true', headers: { 'content-type': 'application/x-tar' }, body: FILE }),
    'POST /api/environment-leases/{leaseId}/sync-out': (world) => inSandbox(world, { body: { changesOnly: false } }),
    'GET /api/subscriptions/{name}/parked': () => ({ ids: { name: 'webhooks' } }),
    'GET /api/environment-leases/{leaseId}/diff': () => ({ query: '?from=1' }),
    'GET /api/environments/{id}/diff': () => ({ query: '?from=1' }),
    'GET /api/companies/{companyId}/events/stream': () => ({ query: '?after=0' }),
    'POST /api/companies/{companyId}/webhooks': () => ({ ...elsewhere(), body: QUIET_WEBHOOK }),
    'PATCH /api/companies/{companyId}/webhooks/{webhookId}': () => ({ body: { description: randomUUID() } }),
    'DELETE /api/companies/{companyId}/webhooks/{webhookId}': async ({ companyId }) => ({
      ids: { webhookId: await api.made(`/api/companies/${companyId}/webhooks`, QUIET_WEBHOOK) },
    }),
    'DELETE /api/tokens/{tokenId}': async ({ companyId }) => ({
      ids: {
        tokenId: await api.made('/api/tokens', { name: 'T', companies: [companyId], permissions: ['audit:read'] }),
      },
    }),
  };
}

/** Every route of the document, so that none is forgotten. */
export async function routesOf(api: AdminApi): Promise<Route[]> {
  const { paths } = await api.expect<ApiDocument>(200, 'GET', '/api/openapi.json');
  const own = ownRequests(api);
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([name, operation]): Route => {
      const method = name.toUpperCase();
      const request = async (world: World): Promise<Asked> => {
        const asked = (await own[`${method} ${path}`]?.(world)) ?? {};
        const body = asked.body ?? exampleOf(operation);
        return {
          method,
          path: filled(path, { ...idsOf(world), ...asked.ids }) + (asked.query ?? ''),
          headers: {
            authorization: `Bearer ${api.token}`,
            ...(body !== undefined && { 'content-type': 'application/json' }),
            ...asked.headers,
          },
          body: body === undefined || body instanceof Uint8Array ? (body ?? '') : JSON.stringify(body),
        };
      };
      return { name: `${method} ${path}`, readsLog: READS_LOG.test(`${method} ${path}`), request };
    }),
  );
}

function exampleOf({ requestBody }: Operation): object | undefined {
  const [example] = Object.values(requestBody?.content['application/json']?.examples ?? {});
  return example?.value;
}

function idsOf({ environmentId, localLeaseId, ...world }: World): Readonly<Record<string, string>> {
  return { ...world, id: environmentId, leaseId: localLeaseId, tokenId: randomUUID(), name: 'leases', stream: 'none' };
}

/** @throws Error for a parameter that is not known here: a request that names nothing is refused like any other. */
function filled(path: string, ids: Readonly<Record<string, string>>): string {
  return path.replace(/\{(\w+)\}/g, (_whole, name: string) => {
    const id = ids[name];
    if (id === undefined) throw new Error(`${path}: there is no ${name} here.`);
    return id;
  });
}
