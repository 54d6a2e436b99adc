import type { Command } from 'commander';
import type { Diff } from '../audit/history/diff.js';
import type { TimelinePage } from '../audit/history/http/history-queries.js';
import type { TimelineItem } from '../audit/history/timeline.js';
import type { Why } from '../audit/history/why.js';
import { CLEANUP_STATUSES, LEASE_POLICIES, LEASE_STATUSES } from '../domain/leases/lease-names.js';
import type { LeaseJson } from '../domain/leases/lease-json.js';
import { Option } from 'commander';
import { count, lifetime, uuid } from './arguments.js';
import { withClient, type Client, type Page } from './client.js';
import { fieldsOf, show, tableOf, tellOfMore, textOf } from './output.js';
import type { Parts } from './parts.js';

interface Json {
  readonly json?: boolean;
}
interface At extends Json {
  readonly at?: string;
}
interface Fenced extends Json {
  readonly fence?: number;
}
interface Acquired {
  readonly lease: LeaseJson;
}

const AT = ['--at <moment>', 'show a past state: a log position, or an ISO 8601 time'] as const;
const JSON_OPTION = ['--json', 'print JSON'] as const;
const FENCE_OPTION = ['--fence <fence>', 'only if it has this fence; some environments require it', count] as const;

function withFence(fence: number | undefined): Record<string, string> {
  return fence === undefined ? {} : { 'x-lease-fence': String(fence) };
}

export function addLeases(program: Command, parts: Parts): void {
  const leases = program.command('leases').description('Leases, their history, and reasons.');
  const ask = <Result>(command: Command, work: (client: Client) => Promise<Result>): Promise<Result> =>
    withClient(command, parts, work);
  const change = <Result>(command: Command, work: (client: Client) => Promise<Result>): Promise<Result> =>
    withClient(command, parts, work, 'changes');

  leases
    .command('list')
    .description('List the leases of a company, newest first')
    .requiredOption('--company <uuid>', 'whose', uuid)
    .option('--environment <uuid>', 'only of this environment', uuid)
    .option('--run <uuid>', 'only of this run', uuid)
    .addOption(new Option('--status <status...>', 'only these').choices(LEASE_STATUSES))
    .addOption(new Option('--cleanup-status <status...>', 'only with such a cleanup').choices(CLEANUP_STATUSES))
    .option('--not-written-off', 'without those whose cleanup an operator wrote off')
    .option('--limit <count>', 'maximum number', count, 50)
    .option('--cursor <cursor>', 'continue after the previous page')
    .option(...AT)
    .option(...JSON_OPTION)
    .action(
      async (
        options: At & {
          readonly company: string;
          readonly environment?: string;
          readonly run?: string;
          readonly status?: readonly string[];
          readonly cleanupStatus?: readonly string[];
          readonly notWrittenOff?: true;
          readonly limit: number;
          readonly cursor?: string;
        },
        command: Command,
      ) => {
        const {
          company,
          environment: environmentId,
          run: heartbeatRunId,
          status,
          cleanupStatus,
          notWrittenOff,
          limit,
          cursor,
          at,
          json = false,
        } = options;
        const cleanupWrittenOff = notWrittenOff && 'false';
        const query = { environmentId, heartbeatRunId, status, cleanupStatus, cleanupWrittenOff, limit, cursor, at };
        const page = await ask(command, (client) =>
          client.get<Page<LeaseJson>>(`/api/companies/${company}/leases`, query),
        );
        show(page, json, ({ items }) =>
          tableOf(items, [
            { name: 'LEASE', of: ({ id }) => id },
            { name: 'STATUS', of: ({ status }) => status },
            { name: 'REASON', of: ({ reasonCode }) => reasonCode },
            { name: 'CLEANUP', of: ({ cleanupStatus }) => cleanupStatus },
            { name: 'ENVIRONMENT', of: ({ environmentId }) => environmentId },
            { name: 'CREATED', of: ({ createdAt }) => createdAt },
          ]),
        );
        if (!json) tellOfMore(page.nextCursor);
      },
    );

  leases
    .command('show')
    .description('A lease')
    .argument('<id>', 'its id', uuid)
    .option(...AT)
    .option(...JSON_OPTION)
    .action(async (id: string, { at, json = false }: At, command: Command) => {
      const lease = await ask(command, (client) => client.get<LeaseJson>(`/api/environment-leases/${id}`, { at }));
      show(lease, json, fieldsOf);
    });

  addHistory(leases, 'environment-leases', parts);

  leases
    .command('acquire')
    .description('Acquire a lease, and wait for it')
    .requiredOption('--company <uuid>', 'whose', uuid)
    .option('--environment <uuid>', 'environment (default: the company’s local one)', uuid)
    .option('--id <uuid>', 'your own lease id; a repeated call returns the same lease', uuid)
    .option('--run <uuid>', 'heartbeat run that holds the lease', uuid)
    .option('--ttl <time>', 'time until it expires, such as 90s, 30m or 2h', lifetime)
    .addOption(new Option('--policy <policy>', 'what happens to its sandbox after release').choices(LEASE_POLICIES))
    .option('--allow-cordoned', 'even if the environment is cordoned')
    .option(...JSON_OPTION)
    .action(
      async (
        options: Json & {
          readonly company: string;
          readonly environment?: string;
          readonly id?: string;
          readonly run?: string;
          readonly ttl?: number;
          readonly policy?: string;
          readonly allowCordoned?: true;
        },
        command: Command,
      ) => {
        const {
          company,
          id,
          environment: environmentId,
          run: heartbeatRunId,
          ttl,
          policy,
          allowCordoned,
          json = false,
        } = options;
        const wish = { environmentId, heartbeatRunId, ttlSeconds: ttl, leasePolicy: policy, allowCordoned };
        const acquired = await change(command, (client) =>
          id === undefined
            ? client.send<Acquired>('POST', `/api/companies/${company}/leases`, wish)
            : client.send<Acquired>('PUT', `/api/companies/${company}/leases/${id}`, wish),
        );
        show(acquired, json, ({ lease }) => fieldsOf(lease));
      },
    );

  leases
    .command('renew')
    .description('Renew a lease: put off its end')
    .argument('<id>', 'its id', uuid)
    .option('--ttl <time>', 'time until it expires, such as 90s, 30m or 2h (default: the lease’s own)', lifetime)
    .option(...FENCE_OPTION)
    .option(...JSON_OPTION)
    .action(async (id: string, { ttl, fence, json = false }: Fenced & { readonly ttl?: number }, command: Command) => {
      const renewed = await change(command, (client) =>
        client.send<Acquired>('POST', `/api/environment-leases/${id}/renew`, { ttlSeconds: ttl }, withFence(fence)),
      );
      show(renewed, json, ({ lease }) => fieldsOf(lease));
    });

  leases
    .command('release')
    .description('Release a lease')
    .argument('<id>', 'its id', uuid)
    .option('--failed [reason]', 'end it as failed')
    .option(...FENCE_OPTION)
    .option(...JSON_OPTION)
    .action(
      async (
        id: string,
        { failed, fence, json = false }: Fenced & { readonly failed?: string | true },
        command: Command,
      ) => {
        const reason = typeof failed === 'string' ? { failureReason: failed } : {};
        const wish = failed === undefined ? {} : { status: 'failed', ...reason };
        const released = await change(command, (client) =>
          client.send<Acquired>('POST', `/api/environment-leases/${id}/release`, wish, withFence(fence)),
        );
        show(released, json, ({ lease }) => fieldsOf(lease));
      },
    );
}

/** The commands that leases and environments both have. @param path of the API, `/api/<path>/:id/…` */
export function addHistory(group: Command, path: string, parts: Parts): void {
  group
    .command('timeline')
    .description('Show the history of a lease or environment, oldest first')
    .argument('<id>', 'its id', uuid)
    .option(...AT)
    .option(...JSON_OPTION)
    .action(async (id: string, { at, json = false }: At, command: Command) => {
      const items = await withClient(command, parts, (client) =>
        wholeTimeline(client, `/api/${path}/${id}/timeline`, at),
      );
      show({ items }, json, (all) => all.items.map(paragraphOf).join('\n'));
    });

  group
    .command('diff')
    .description('Compare its state at two points')
    .argument('<id>', 'its id', uuid)
    .requiredOption('--from <moment>', 'a log position, or an ISO 8601 time')
    .option('--to <moment>', 'a log position, or an ISO 8601 time (default: now)')
    .option(...JSON_OPTION)
    .action(
      async (
        id: string,
        { from, to, json = false }: Json & { readonly from: string; readonly to?: string },
        command: Command,
      ) => {
        const diff = await withClient(command, parts, (client) =>
          client.get<Diff>(`/api/${path}/${id}/diff`, { from, to }),
        );
        show(diff, json, ({ changes }) =>
          tableOf(changes, [
            { name: 'FIELD', of: ({ field }) => field },
            { name: `AT ${diff.from}`, of: (change) => change.from },
            { name: `AT ${diff.to}`, of: (change) => change.to },
          ]),
        );
      },
    );

  group
    .command('why')
    .description('Explain its state')
    .argument('<id>', 'its id', uuid)
    .option(...AT)
    .option(...JSON_OPTION)
    .action(async (id: string, { at, json = false }: At, command: Command) => {
      const why = await withClient(command, parts, (client) => client.get<Why>(`/api/${path}/${id}/why`, { at }));
      show(why, json, reasonsOf);
    });
}

async function wholeTimeline(client: Client, path: string, at: string | undefined): Promise<TimelineItem[]> {
  const items: TimelineItem[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page: TimelinePage = await client.get<TimelinePage>(path, { at, cursor, limit: 500 });
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}

function paragraphOf({ position, recordedAt, type, actor, sentence, changes }: TimelineItem): string {
  const changed = changes.map(({ field, from, to }) => `          ${field}: ${textOf(from)} -> ${textOf(to)}`);
  return [
    `${String(position).padStart(8)}  ${recordedAt}  ${actor}  ${type}`,
    `          ${sentence}`,
    ...changed,
  ].join('\n');
}

function reasonsOf({ sentence, chain, blockedBy, nextTimer }: Why): string {
  const links = chain.map((link) => `${String(link.position).padStart(8)}  ${link.recordedAt}  ${link.sentence}`);
  const blocked = blockedBy === null ? [] : [`Blocked (${blockedBy.reasonCode}): ${blockedBy.sentence}`];
  const next = nextTimer === null ? [] : [`Next: ${nextTimer.name} at ${nextTimer.at}`];
  return [sentence, ...links, ...blocked, ...next].join('\n');
}
