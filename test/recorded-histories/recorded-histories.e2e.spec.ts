import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import ssh2 from 'ssh2';
import { EVENT_DEFINITIONS } from '../../src/app/event-definitions.js';
import { EventCatalogue, type RecordedEvent } from '../../src/event-sourcing/event-log/index.js';
import { environmentSubject, LEASE_SUBJECT } from '../../src/audit/history/subjects.js';
import { stepsOf, type Step } from '../../src/audit/history/timeline.js';
import { foldAll } from '../../src/event-sourcing/projections/index.js';
import { secretProjection } from '../../src/domain/secrets/secret-projection.js';
import type { Acquired } from '../support/api.js';
import { Witness } from '../support/fold-of-log.js';
import { serve } from '../support/service.js';

/*
 * What releases have written, and what they made of it. The files are never changed: a later release that reads them in
 * another way would tell another past. `LEASEHOLD_RECORD_HISTORY=<name> npm test -- test/recorded-histories` adds one.
 */

interface History {
  readonly events: readonly RecordedEvent[];
  /** What a caller saw after each event of a lease or an environment, by position; null: nothing any more. */
  readonly states: Readonly<Record<string, object | null>>;
  readonly secrets: Readonly<Record<string, object>>;
}

const FOLDER = import.meta.dirname;
const NAME = process.env['LEASEHOLD_RECORD_HISTORY'];

function read(recorded: readonly RecordedEvent[]): Omit<History, 'events'> {
  const catalogue = new EventCatalogue(EVENT_DEFINITIONS);
  const events = recorded.map((event) => catalogue.decode(event));
  const streams = new Set(events.map(({ stream }) => stream));
  const states = [...streams].flatMap((stream): Step<object>[] => {
    const own = events.filter((event) => event.stream === stream);
    if (stream.startsWith('lease-')) return stepsOf(LEASE_SUBJECT, own);
    return stream.startsWith('environment-')
      ? stepsOf(
          environmentSubject((seen) => seen, true),
          own,
        )
      : [];
  });
  return {
    states: Object.fromEntries(states.map(({ event, after }) => [event.position, after])),
    secrets: Object.fromEntries(foldAll(secretProjection, events)),
  };
}

const files = (): string[] => readdirSync(FOLDER).filter((file) => file.endsWith('.json') && file !== 'seals.json');
const load = (file: string): unknown => JSON.parse(readFileSync(join(FOLDER, file), 'utf8'));
const sealOf = (file: string): string =>
  createHash('sha256')
    .update(readFileSync(join(FOLDER, file)))
    .digest('hex');

function onlyFieldsOf(known: object | null, now: object | null): object | null {
  return now && known && Object.fromEntries(Object.entries(now).filter(([name]) => name in known));
}

/** A life with most of what can happen to a lease. */
async function live(): Promise<readonly RecordedEvent[]> {
  const service = await serve({
    LEASEHOLD_LOCAL_EXECUTE: 'true',
    LEASEHOLD_PROVISIONING_RETRY_MS: '[50]',
    LEASEHOLD_CLEANUP_RETRY_MS: '[50]',
    LEASEHOLD_KEPT_MAX: '1',
  });
  const witness = await Witness.of(service.connection);
  try {
    const { api } = service;
    const companyId = randomUUID();
    const leases = (path: string, body: object) => api.send<object>('POST', `/api/environment-leases/${path}`, body);
    const { lease: local } = await api.acquire(companyId, {
      heartbeatRunId: randomUUID(),
      metadata: { a: [1, { b: null }] },
    });
    await leases(`${local.id}/execute`, { command: 'sh', args: ['-c', 'exit 3'] });
    await leases(`${local.id}/execute`, { command: 'no-such-command', args: [] });
    await api.release(local.id, { status: 'failed', failureReason: 'exit code 3' });

    const sandbox = await api.createSandbox(companyId, { reuseLease: true });
    const reuse = { environmentId: sandbox.id, leasePolicy: 'reuse_by_environment' };
    const { lease: first } = await api.acquire(companyId, reuse);
    await api.release(first.id);
    const { lease: second } = await api.acquire(companyId, reuse);
    await api.release(second.id);
    await api.patchEnvironment(sandbox.id, { config: { provider: 'fake', image: 'debian:12', reuseLease: true } });
    const { lease: third } = await api.acquire(companyId, reuse);
    await api.release(third.id);
    await leases(`${third.id}/destroy`, {});
    for (let n = 0; n < 2; n += 1) {
      const { lease } = await api.acquire(companyId, { environmentId: sandbox.id, leasePolicy: 'retain_on_failure' });
      await api.release(lease.id, { status: 'failed', failureReason: 'look at it' });
    }
    const { lease: short } = await api.acquire(companyId, { environmentId: sandbox.id, ttlSeconds: 1 });
    while ((await api.lease(short.id)).status === 'active') await pause(100);

    const { private: privateKey } = ssh2.utils.generateKeyPairSync('ed25519');
    const config = { host: '127.0.0.1', port: 1, username: 'nobody', remoteWorkspacePath: '/tmp/x', privateKey };
    const host = await api.createEnvironment(companyId, { name: 'Host', driver: 'ssh', config });
    const path = `/api/companies/${companyId}/leases`;
    const later = { Prefer: 'respond-async' };
    const { lease } = await api.expect<Acquired>(202, 'POST', path, { environmentId: host.id }, later);
    while ((await api.lease(lease.id)).status !== 'failed') await pause(100);
    await api.send('POST', `/api/environments/${host.id}/probe`, {});
    await api.patchEnvironment(sandbox.id, { status: 'archived' });
    await pause(500);
    return await witness.events();
  } finally {
    await witness.close();
    await service.close();
  }
}

test('every recorded history is read as the release that wrote it read it', async () => {
  if (NAME !== undefined) {
    const events = await live();
    await writeFile(join(FOLDER, `${NAME}.json`), `${JSON.stringify({ events, ...read(events) }, null, 1)}\n`);
    await writeFile(
      join(FOLDER, 'seals.json'),
      `${JSON.stringify(Object.fromEntries(files().map((file) => [file, sealOf(file)])), null, 2)}\n`,
    );
  }
  const seals = load('seals.json') as Record<string, string>;
  expect(files().length).toBeGreaterThan(0);
  expect(Object.keys(seals).sort()).toEqual(files().sort());
  for (const file of files()) {
    expect([file, sealOf(file)]).toEqual([file, seals[file]]);
    const { events, states, secrets } = load(file) as History;
    const now = read(events);
    // Byte for byte: the order of the fields is part of an answer. A later release may have more of them.
    for (const [position, state] of Object.entries(states)) {
      const same = onlyFieldsOf(state, now.states[position] ?? null);
      expect([file, position, JSON.stringify(same)]).toEqual([file, position, JSON.stringify(state)]);
    }
    expect(Object.keys(now.states)).toEqual(Object.keys(states));
    expect(now.secrets).toEqual(secrets);
  }
});
