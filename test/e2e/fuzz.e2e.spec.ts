import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { expectProblem } from '../platform/http/support.js';
import { expectSoundLog, Witness } from '../support/fold-of-log.js';
import { serve, type Service } from '../support/service.js';
import { grown } from '../support/soak.js';
import { routesOf, type ApiDocument, type MadeUp, type Route } from './requests-of-document.js';

const RUNS_PER_ROUTE = grown(10, 60);
/** These steer the service's own parts; they record nothing in the log. */
const OPERATIONS = /^\/api\/(projections|subscriptions)\//;
/** They look at something outside; there is no position to tell. */
const RECORD_NOTHING = /\/(probe|probe-config|execute|audit\/verify)$/;

let service: Service;
let witness: Witness;
beforeAll(async () => {
  service = await serve();
  witness = await Witness.of(service.connection);
});
afterAll(async () => {
  await witness?.close();
  await service?.close();
});

test('whatever is sent to any route of the document, it is done or refused, and what is refused changes nothing', async () => {
  const { api } = service;
  const [companyId, runId] = [randomUUID(), randomUUID()];
  const [sandbox, archived] = [await api.createSandbox(companyId), await api.createSandbox(companyId)];
  await api.patchEnvironment(archived.id, { status: 'archived' });
  const { lease } = await api.acquire(companyId, { environmentId: sandbox.id, heartbeatRunId: runId });
  const environments = [sandbox.id, archived.id];
  const webhook = await api.expect<{ id: string }>(201, 'POST', `/api/companies/${companyId}/webhooks`, {
    url: 'https://hooks.example.com/leasehold',
  });
  await api.expect(200, 'POST', `/api/companies/${companyId}/webhooks/${webhook.id}/pause`);

  const ids = {
    companyId: [companyId],
    id: environments,
    environmentId: environments,
    leaseId: [lease.id],
    webhookId: [webhook.id],
    runId: [runId],
    heartbeatRunId: [runId],
  };

  // The first token that is made ends what the others are sent without one.
  const routes = routesOf(await api.expect<ApiDocument>(200, 'GET', '/api/openapi.json'), ids).filter(
    ({ path }) => !path.startsWith('/api/tokens'),
  );
  const commands = routes.filter(
    ({ method, path }) => method !== 'GET' && !OPERATIONS.test(path) && !RECORD_NOTHING.test(path),
  );
  expect(commands.length).toBeGreaterThanOrEqual(6);
  const refused: string[] = [];
  const done = new Map<string, number>();

  for (const route of routes) {
    await fc.assert(
      fc.asyncProperty(route.requests, async (request) => {
        const requestId = randomUUID();
        const response = await send(route, request, requestId);
        const text = await textOf(response);
        if (response.status >= 400) {
          expect(response.status).toBeLessThan(500);
          expectProblem(response.status, response.headers, text);
          refused.push(requestId);
          return;
        }
        done.set(route.name, (done.get(route.name) ?? 0) + 1);
        if (commands.includes(route)) {
          const { position } = JSON.parse(text) as { position: number };
          expect(position).toBeGreaterThan(0);
          expect(response.headers.get('x-event-position')).toBe(String(position));
        }
      }),
      { numRuns: RUNS_PER_ROUTE },
    );
  }

  const events = await witness.events();
  expectSoundLog(events);
  // A fence of an earlier holder is refused, and recorded: who looks into a takeover wants to know of it.
  const changes = events.filter(({ type }) => type !== 'StaleFenceRefused');
  const caused = new Set(changes.map(({ correlationId }) => correlationId));
  expect(refused.filter((requestId) => caused.has(requestId))).toEqual([]);
  // Requests that all miss would show nothing.
  expect(refused.length).toBeGreaterThan(routes.length);
  expect(done.size).toBeGreaterThan(routes.length / 3);
  expect(service.logged.filter((line) => !line.endsWith(' Subscriptions'))).toEqual([]);
});

function send({ method }: Route, { path, headers, body }: MadeUp, requestId: string): Promise<Response> {
  return fetch(service.api.url + path, {
    method,
    headers: { ...headers, 'X-Request-Id': requestId },
    ...(body !== null && { body }),
  });
}

/** A stream has no end. */
async function textOf(response: Response): Promise<string> {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response.text();
  await response.body?.cancel();
  return '';
}
