import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { SealKey, SealKeys } from '../../src/audit/seals/seal-keys.js';
import { sealNext } from '../../src/audit/seals/sealing.js';
import { programOf } from '../../src/cli/program.js';
import { leasehold } from '../support/cli.js';
import { connectionUrl } from '../support/database.js';
import { openLog } from '../support/event-log.js';
import { SECRETS_KEY, serve, type Service } from '../support/service.js';

const DOCS = join(import.meta.dirname, '..', '..', 'docs', 'reference', 'cli.md');
/** `LEASEHOLD_WRITE_DOCS=yes npm test -- test/cli` writes the page; without, it must be what a run prints. */
const WRITES = process.env['LEASEHOLD_WRITE_DOCS'] === 'yes';

const COMPANY = '3f0c9a52-8a4e-4d0b-9a57-6f1e2d3c4b5a';
const HEAD = `# The command line

Every command with what it prints. This page is written by a test that runs them; ids, times, keys and hashes are made up.

\`npm run -s leasehold -- <command>\` asks the service at \`--url\` (or \`LEASEHOLD_URL\`; \`http://127.0.0.1:3000\` when absent), with the token in
\`LEASEHOLD_TOKEN\` where it wants one. With \`--database-url <url>\` it asks that Postgres instead, and no service has to run. \`--json\` answers for
programs. Exit codes: 0 done; 1 failed, or something was found; 2 wrong usage or input; 3 refused by the service.
`;

let service: Service;
let folder: string;
const settings: Record<string, string> = {};
const shown: { words: string; code: number | null; out: string; err: string }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leasehold-test-cli-'));
  service = await serve({ LEASEHOLD_DATA_DIR: folder });
  // Sealed below, so that the seals are the same in every run: its own first look may find an event, or come before it.
  await service.stopSealing();
  Object.assign(settings, {
    LEASEHOLD_URL: service.api.url,
    DATABASE_URL: connectionUrl(service.connection),
    LEASEHOLD_DATA_DIR: folder,
    LEASEHOLD_SECRETS_KEY: SECRETS_KEY,
    LEASEHOLD_AUDIT_KEY: SECRETS_KEY,
  });
});
afterAll(async () => {
  await service?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs a command that is to be shown. @returns what it printed */
async function show(...args: string[]): Promise<string> {
  const { code, out, err } = await leasehold(settings, ...args);
  shown.push({ words: args.map((arg) => (/[\s{]/.test(arg) ? `'${arg}'` : arg)).join(' '), code, out, err });
  return out;
}

async function keep(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

async function sealAll(): Promise<void> {
  const log = openLog(service.connection);
  const keys = new SealKeys(new SealKey(SECRETS_KEY));
  while (await sealNext(log.pool, keys, () => new Date()));
  await log.close();
}

/** What differs from run to run, by what it is; the same id is the same everywhere. */
function madeUp(text: string): string {
  const ids = new Map<string, string>();
  return text
    .replaceAll(folder, '/srv/audit')
    .replaceAll(service.api.url, 'http://127.0.0.1:3000')
    .replaceAll(/(?<=^The token was for ).*(?=\.$)/gm, 'leasehold on 127.0.0.1')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) => {
      if (id === COMPANY) return id;
      if (!ids.has(id)) ids.set(id, `01a20d00-0000-7000-8000-${String(ids.size + 1).padStart(12, '0')}`);
      return ids.get(id) ?? '';
    })
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(Z|\+00:00)/g, '2026-11-24T09:30:00.000$1')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, '2026-11-24 09:30:00 UTC')
    .replaceAll(/\b\d\d:\d\d:\d\d UTC(, in [\d.]+ \w+)?/g, '09:30:00 UTC$1')
    .replaceAll(/\b[0-9a-f]{4}…[0-9a-f]{4}\b/g, '01a2…0001')
    .replaceAll(/lh_[\w-]{40,}/g, 'lh_01a20d00…')
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'f'.repeat(64))
    .replaceAll(/\b[0-9a-f]{16}\b/g, 'f'.repeat(16))
    .replaceAll(/(?<![\w+/])[A-Za-z0-9+/]{86}==/g, `${'S'.repeat(86)}==`)
    .replaceAll(/(BEGIN PUBLIC KEY-----\\?n?\n?)[A-Za-z0-9+/=]+/g, '$1…')
    .replaceAll(/[ \t]+$/gm, '');
}

function page(): string {
  const sections = shown.map(({ words, code, out, err }) => {
    const name = words.split(' ').filter((word) => /^[a-z-]+$/.test(word) && !word.startsWith('-'));
    const end = code === 0 ? '' : `(exit code ${code})\n`;
    return `## ${name.slice(0, name[0] === 'replay' ? 1 : 2).join(' ')}\n\n\`\`\`\n$ leasehold ${words}\n${out}${err}${end}\`\`\`\n`;
  });
  return madeUp([HEAD, ...sections].join('\n'));
}

/** The names of all commands, as they are called. */
function namesOf({ commands }: Command, before = ''): string[] {
  return commands.flatMap((command) => {
    const name = `${before}${command.name()}`;
    return command.commands.length === 0 ? [name] : namesOf(command, `${name} `);
  });
}

test('every command prints what docs/reference/cli.md shows', async () => {
  const { id: environment } = await service.api.createSandbox(COMPANY);
  const acquired = await show(
    'leases',
    'acquire',
    '--company',
    COMPANY,
    '--environment',
    environment,
    '--ttl',
    '3600',
    '--json',
  );
  const { lease } = JSON.parse(acquired) as { lease: { id: string } };
  await show('leases', 'list', '--company', COMPANY, '--status', 'active');
  await show('leases', 'show', lease.id);
  await show('leases', 'release', lease.id, '--failed', 'exit code 137');
  await show('leases', 'show', lease.id, '--at', '2', '--json');
  await show('leases', 'timeline', lease.id);
  await show('leases', 'diff', lease.id, '--from', '4');
  await show('leases', 'why', lease.id);
  await show('environments', 'list', '--company', COMPANY);
  await show('environments', 'show', environment);
  await show('environments', 'timeline', environment);
  await show('environments', 'diff', environment, '--from', '1', '--to', '3');
  await show('environments', 'why', environment, '--at', '3');
  await show('events', 'list', '--company', COMPANY, '--limit', '3');
  await show('events', 'tail', '--company', COMPANY, '--after', '2', '--limit', '2');
  await show('projections', 'verify', 'leases');
  await show('projections', 'rebuild', 'leases');
  await show('projections', 'list');
  await show('parked', 'list');
  await show('parked', 'retry', 'leases@2', `lease-${lease.id}`);
  await sealAll();
  const [publicKey = ''] = /-----BEGIN[^]+/.exec(await show('audit', 'head')) ?? [];
  const key = await keep('key.pem', publicKey);
  await show('audit', 'verify');
  const exported = join(folder, 'log.ndjson');
  await show('audit', 'export', exported);
  await show('audit', 'verify-export', exported, '--public-key', key);
  const changed = (await readFile(exported, 'utf8')).replace('exit code 137', 'exit code 0');
  await show('audit', 'verify-export', await keep('changed.ndjson', changed), '--public-key', key);
  const proof = await show('audit', 'proof', lease.id);
  await show('audit', 'verify-proof', await keep('proof.json', proof), '--public-key', key);
  const bundle = await service.api.expect<object>(200, 'GET', `/api/environment-leases/${lease.id}/bundle`);
  await show('replay', await keep('bundle.json', JSON.stringify(bundle)));
  // The same without a service: by the database.
  const byDatabase = await leasehold(
    settings,
    '--database-url',
    settings['DATABASE_URL'] ?? '',
    'leases',
    'why',
    lease.id,
  );
  expect(byDatabase).toMatchObject({ code: 0, out: shown.find(({ words }) => words.startsWith('leases why'))?.out });
  Object.assign(settings, {
    LEASEHOLD_SECRETS_KEY: Buffer.alloc(32, 'another').toString('base64'),
    LEASEHOLD_SECRETS_KEY_PREVIOUS: SECRETS_KEY,
  });
  await show('secrets', 'rotate-master-key');
  await show('tokens', 'create', '--name', 'ci', '--company', COMPANY, '--permission', 'leases:acquire');
  // There is a token now, so that the service needs one; who reaches its database does not.
  delete settings['LEASEHOLD_URL'];
  const [id = ''] = (await show('tokens', 'list')).split('\t');
  await show('tokens', 'revoke', id);

  const all = namesOf(programOf({ definitions: [], serve: () => Promise.reject(new Error('Nothing is called.')) }));
  expect(all.length).toBeGreaterThan(25);
  expect(all.filter((name) => !shown.some(({ words }) => words.startsWith(name)))).toEqual([]);
  if (WRITES) await writeFile(DOCS, page());
  expect(page()).toBe(await readFile(DOCS, 'utf8'));
});
