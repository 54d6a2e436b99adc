import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import type { Problem } from '../../src/platform/http/problem.js';
import type { Readiness } from '../../src/platform/operations/readiness.js';
import { eventually } from '../platform/embedded/support.js';
import { copyPreparedPostgres } from '../support/prepared-postgres.js';
import { ServiceHome, type ServiceProcess } from '../support/service.js';

/*
 * A disk that is really full: the whole data folder, with the embedded Postgres and its write-ahead log, on a small file system.
 * It takes root to mount one; elsewhere the SQLSTATE of a full disk is tried (failing-database.e2e.spec.ts), not the disk.
 */

const SLOW = 300_000;
const SIZE = '400m';
const FULL_MS = 30_000;
const SHUTDOWN_MS = 6_000;
const LEEWAY_MS = 10_000;
const CHUNK = Buffer.alloc(1_048_576);

const run = promisify(execFile);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** @returns whether this machine lets us */
const mountSmall = (path: string): Promise<boolean> =>
  run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=0711`, 'tmpfs', path]).then(
    () => true,
    () => false,
  );

async function fill(path: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    for (let size = CHUNK.length; size > 0; size = Math.floor(size / 2)) {
      while (
        await file.write(CHUNK, 0, size).then(
          () => true,
          (error: unknown) => {
            if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
            throw error;
          },
        )
      );
    }
  } finally {
    await file.close();
  }
}

const ready = (service: ServiceProcess) => service.api.send<Readiness>('GET', '/api/ready');
const readyAgain = (service: ServiceProcess): Promise<void> =>
  eventually(async () => expect((await ready(service)).status).toBe(200), 90_000);

test(
  'a full disk is answered with its code, told in less than a line a second and by the readiness, and over when it is over',
  async () => {
    const home = await ServiceHome.empty();
    await mkdir(home.dataDir);
    if (!(await mountSmall(home.dataDir))) {
      process.stderr.write('leasehold: no small disk can be mounted here, which takes root: a full one is not tried\n');
      await home.close();
      return;
    }
    const filler = join(home.dataDir, 'filler');
    try {
      await copyPreparedPostgres(home.dataDir);
      const service = await home.start({ LEASEHOLD_SHUTDOWN_MS: String(SHUTDOWN_MS) });
      await readyAgain(service);
      const company = randomUUID();
      const acknowledged = [(await service.api.acquire(company)).lease.id];
      const acquire = async (): Promise<{ status: number; code?: string }> => {
        const answer = await service.api.send<Problem & { lease?: { id: string } }>(
          'POST',
          `/api/companies/${company}/leases`,
          { metadata: {}, heartbeatRunId: randomUUID() },
        );
        if (answer.body.lease) acknowledged.push(answer.body.lease.id);
        return { status: answer.status, code: answer.body.code };
      };

      await fill(filler);
      const [from, since] = [service.output.length, performance.now()];
      const codes = new Set<string>();
      let reason = '';
      while (performance.now() - since < FULL_MS || reason === '') {
        // What Postgres frees of its own is taken too.
        await fill(filler);
        const { status, code } = await acquire();
        if (code !== undefined) codes.add(`${status} ${code}`);
        expect(await service.api.send('GET', '/api/health')).toMatchObject({ status: 200 });
        const answer = await ready(service);
        if (answer.status === 503) reason = JSON.stringify(answer.body.checks);
        await sleep(100);
      }
      expect(
        [...codes].filter((code) => !/^(507 database_full|503 database_(unavailable|overloaded))$/.test(code)),
      ).toEqual([]);
      expect(codes.size).toBeGreaterThan(0);
      expect(reason).toMatch(/no space left|takes no writes|no answer|failed|database/i);
      const lines = service.output.slice(from).split('\n').filter(Boolean).length;
      expect(lines / ((performance.now() - since) / 1_000)).toBeLessThan(1);

      await rm(filler);
      await readyAgain(service);
      await acquire();
      const listed = (await service.api.everyLease(company)).map(({ id }) => id);
      expect(listed).toEqual(expect.arrayContaining(acknowledged));

      await fill(filler);
      await acquire();
      const asked = performance.now();
      process.kill(service.pid, 'SIGTERM');
      await service.exited();
      expect(performance.now() - asked).toBeLessThan(SHUTDOWN_MS + LEEWAY_MS);
      await rm(filler);
    } finally {
      await rm(filler, { force: true });
      await home.endAll().finally(() => run('umount', ['-l', home.dataDir]));
      await home.close();
    }
  },
  SLOW,
);
