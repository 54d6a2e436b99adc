import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createLogPool } from '../../src/event-sourcing/event-log/index.js';
import { serve, type Service } from '../support/service.js';
import { grown } from '../support/soak.js';

const STORIES = grown(1, 6);

let service: Service;
beforeAll(async () => {
  service = await serve({ LEASEHOLD_KEPT_MAX: '2' });
});
afterAll(() => service?.close());

/** The whole answer: status, body as it came, and that it says what it is as of. */
async function read(path: string, at: number | string | null): Promise<{ text: string; asOf: string | null }> {
  const query = at === null ? '' : `${path.includes('?') ? '&' : '?'}at=${encodeURIComponent(at)}`;
  const response = await fetch(`${service.api.url}${path}${query}`);
  const text = await response.text();
  // What tells one request from another is no part of the answer.
  const body = response.status === 200 ? text : (JSON.parse(text) as { code: string }).code;
  return { text: `${response.status} ${body}`, asOf: response.headers.get('x-as-of') };
}

/** A random caller's life, over a few companies, environments and runs. */
class Story {
  readonly companies = [randomUUID(), randomUUID()];
  readonly environments: string[] = [];
  readonly leases: string[] = [];
  readonly run = randomUUID();

  /** Every read that there is of what has been made so far. */
  paths(): string[] {
    return [
      ...this.companies.flatMap((id) => [
        `/api/companies/${id}/environments`,
        `/api/companies/${id}/environments?status=active`,
        `/api/companies/${id}/environments?limit=2`,
        `/api/companies/${id}/leases`,
        `/api/companies/${id}/leases?limit=2`,
        `/api/companies/${id}/leases?status=active&status=retained`,
        `/api/companies/${id}/leases?heartbeatRunId=${this.run}`,
      ]),
      ...this.environments.flatMap((id) => [
        `/api/environments/${id}`,
        `/api/environments/${id}/leases?status=released`,
      ]),
      ...this.leases.map((id) => `/api/environment-leases/${id}`),
    ];
  }

  async step(kind: number, pick: number): Promise<void> {
    const { api } = service;
    const companyId = this.companies[pick % 2] ?? '';
    const environmentId = this.environments.at(pick % Math.max(1, this.environments.length));
    const leaseId = this.leases.at(pick % Math.max(1, this.leases.length));
    const metadata = { zebra: pick, a: { y: [1, { c: 2, b: 1 }], x: null } };
    switch (kind) {
      case 0: {
        const wish = { name: `E${pick}`, driver: 'sandbox', config: { provider: 'fake' }, metadata };
        this.environments.push((await api.createEnvironment(companyId, wish)).id);
        return;
      }
      case 1: {
        const policies = ['ephemeral', 'reuse_by_environment', 'retain_on_failure'];
        const wish = { leasePolicy: policies[pick % 3], heartbeatRunId: this.run, metadata, ttlSeconds: 3_600 };
        const company = pick % 3 === 0 ? companyId : await this.companyOf(environmentId);
        const body = pick % 3 === 0 ? wish : { ...wish, environmentId };
        const { body: made, status } = await api.send<{ lease: { id: string } }>(
          'POST',
          `/api/companies/${company}/leases`,
          body,
        );
        if (status === 201) this.leases.push(made.lease.id);
        return;
      }
      case 2:
        if (leaseId) await api.release(leaseId, { status: ['released', 'failed', 'expired'][pick % 3] });
        return;
      case 3: {
        const patch = [
          { name: 'other' },
          { status: 'archived' },
          { status: 'active' },
          { config: { image: `i${pick}` } },
        ];
        if (environmentId) await api.send('PATCH', `/api/environments/${environmentId}`, patch[pick % 4]);
        return;
      }
      case 4:
        if (environmentId) await api.send('DELETE', `/api/environments/${environmentId}`);
        return;
      default:
        await api.releaseRun(companyId, this.run, { status: pick % 2 === 0 ? 'released' : 'failed' });
    }
  }

  private async companyOf(environmentId: string | undefined): Promise<string> {
    if (environmentId === undefined) return this.companies[0] ?? '';
    const { status, body } = await service.api.send<{ companyId: string }>('GET', `/api/environments/${environmentId}`);
    return status === 200 ? body.companyId : (this.companies[1] ?? '');
  }
}

async function head(): Promise<number> {
  const { items } = await service.api.expect<{ items: { checkpoint: number }[] }>(200, 'GET', '/api/projections');
  return Math.max(...items.map(({ checkpoint }) => checkpoint));
}

const WEIGHTED = [0, 0, 1, 1, 1, 1, 2, 2, 3, 4, 5] as const;
const steps = fc.array(fc.tuple(fc.constantFrom(...WEIGHTED), fc.nat(999)), { minLength: 5, maxLength: 20 });
/** Of every story: something is made, leased twice, released and changed, each at a position of its own. */
const BEGINNING = [
  [0, 0],
  [1, 0],
  [1, 1],
  [2, 0],
  [3, 0],
] as const;

describe('whatever was done, in whatever order', () => {
  test('a read as of a position gives the answer that the read gave then, byte for byte, after a rebuild and a restart too', async () => {
    const answers = new Map<string, string>();
    const stories: Story[] = [];
    await fc.assert(
      fc.asyncProperty(steps, async (commands) => {
        const story = new Story();
        stories.push(story);
        for (const [kind, pick] of [...BEGINNING, ...commands]) {
          await story.step(kind, pick);
          const paths = story.paths();
          const texts = await Promise.all(paths.map((path) => read(path, null)));
          const position = await head();
          // An empty log has no moment.
          if (position > 0)
            paths.forEach((path, index) => answers.set(`${position} ${path}`, texts[index]?.text ?? ''));
        }
      }),
      { numRuns: STORIES, endOnFailure: true },
    );
    const check = async (): Promise<void> => {
      for (const [key, text] of answers) {
        const [position = '', path = ''] = key.split(/ (.*)/s);
        const past = await read(path, Number(position) % 2 === 0 ? `pos:${position}` : position);
        expect([key, past.text]).toEqual([key, text]);
        if (past.text.startsWith('200')) expect(past.asOf).toBe(position);
      }
    };
    // The five steps of the beginning are followed by 14 to 16 reads each, 77 in all.
    expect(answers.size).toBeGreaterThan(75 * STORIES);
    await check();
    for (const name of ['leases', 'environments'])
      await service.api.expect(202, 'POST', `/api/projections/${name}/rebuild`);
    await check();
    await service.restart();
    await check();
  });
});

describe('a moment', () => {
  test('may be a time: the last event recorded by then counts', async () => {
    const companyId = randomUUID();
    const { id } = await service.api.createSandbox(companyId);
    const made = await service.api.environment(id);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const patched = await service.api.patchEnvironment(id, { name: 'Later' });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const path = `/api/environments/${id}`;
    expect((await read(path, made.createdAt)).text).toBe(`200 ${JSON.stringify(made)}`);
    expect((await read(path, patched.updatedAt)).text).toBe(`200 ${JSON.stringify(patched)}`);
    const before = new Date(Date.parse(made.createdAt) - 1).toISOString();
    expect((await read(path, before)).text).toMatch(/^(404 environment_not_found|400 at_before_log)$/);
  });

  test.each([
    ['999999999999', 'at_in_future'],
    ['2999-01-01T00:00:00Z', 'at_in_future'],
    ['0', 'at_before_log'],
    ['pos:0', 'at_before_log'],
    ['1999-01-01T00:00:00Z', 'at_before_log'],
    ['yesterday', 'validation_failed'],
    ['-1', 'validation_failed'],
    ['2026-01-01', 'validation_failed'],
    ['2026-13-41T99:00:00Z', 'validation_failed'],
    ['', 'validation_failed'],
    ['20260101T000000Z', 'validation_failed'],
    ['2026-02-30T00:00:00Z', 'validation_failed'],
    ['0001-01-01T00:00:00Z', 'at_before_log'],
    ['0000-01-01T00:00:00Z', 'validation_failed'],
    ['0000-01-01T00:00:00+23:59', 'validation_failed'],
    ['9999-12-31T23:59:59Z', 'at_in_future'],
    ['9999-12-31T23:59:59-23:59', 'validation_failed'],
  ])('%j is refused as %s wherever it is asked for', async (at, code) => {
    await service.api.createSandbox(randomUUID());
    const story = new Story();
    story.environments.push(randomUUID());
    story.leases.push(randomUUID());
    for (const path of story.paths()) expect([path, (await read(path, at)).text]).toEqual([path, `400 ${code}`]);
  });
});

test('R13: what leases are filtered by has an index', async () => {
  const pool = createLogPool({ ...service.connection, max: 1 });
  const { rows } = await pool.query<{ indexdef: string }>(
    `SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'leases%'`,
  );
  await pool.end();
  const indexed = rows.map(({ indexdef }) => /\(([^)]*)\)/.exec(indexdef)?.[1]);
  for (const first of ['company_id', 'environment_id']) expect(indexed).toContain(`${first}, status, fence`);
  for (const first of ['heartbeat_run_id', 'issue_id', 'execution_workspace_id'])
    expect(indexed).toContain(`${first}, fence`);
});
