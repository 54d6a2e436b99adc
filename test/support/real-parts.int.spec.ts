import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { endsWithUs } from './ends-with-us.js';
import { startRedis } from './redis.js';
import { begun, sleeping, unusedSeconds } from './sleeping.js';
import { grown } from './soak.js';
import { startSshd } from './sshd.js';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, '..', '..', 'scripts', 'test-parts.mjs');

test('OpenSSH’s own client gets into the test’s sshd with its key and its host key, and into none that was stopped', async () => {
  const sshd = await startSshd();
  try {
    const [key, known] = [join(sshd.workspace, 'key'), join(sshd.workspace, 'known')];
    await writeFile(key, sshd.privateKey, { mode: 0o600 });
    await writeFile(known, `${sshd.knownHosts}\n`);
    const options = [`UserKnownHostsFile=${known}`, 'BatchMode=yes', 'StrictHostKeyChecking=yes', 'IdentitiesOnly=yes'];
    const args = ['-F', 'none', '-i', key, '-p', String(sshd.port), ...options.flatMap((option) => ['-o', option])];
    const { stdout } = await run('ssh', [...args, `${sshd.username}@${sshd.host}`, 'echo "$0 is here"']);
    expect(stdout).toContain('is here');
  } finally {
    await sshd.stop();
  }
  await expect(once(connect(sshd.port, sshd.host), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('the test’s Redis forgets all it had when it is emptied and when it is restarted, and is gone when it is stopped', async () => {
  const redis = await startRedis();
  try {
    expect(await redis.dump()).toBe('');
    await redis.restart();
    await redis.flushAll();
    expect(await redis.dump()).toBe('');
  } finally {
    await redis.stop();
  }
  const { hostname, port } = new URL(redis.url);
  await expect(once(connect(Number(port), hostname), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

describe('a server of a test', () => {
  const SECONDS = unusedSeconds();
  // The owner starts the server, tells that it did, and is killed; the server holds the pipe open as long as it lives.
  const server = JSON.stringify(endsWithUs('sleep', [SECONDS], 'OWNER'));
  const program = `const [file, args] = ${server};
    const mine = args.map((arg) => (arg === 'OWNER' ? String(process.pid) : arg));
    require('node:child_process').spawn(file, mine, { stdio: ['ignore', 'inherit', 'ignore'] });
    process.stdout.write('started'); setInterval(() => {}, 1000);`;

  async function killedWhen(ready: () => Promise<void>): Promise<void> {
    const owner = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(owner.stdout, 'data');
    await ready();
    owner.kill('SIGKILL');
    owner.stdout.resume();
    await once(owner.stdout, 'end');
    expect(await sleeping(SECONDS)).toEqual([]);
  }

  test('ends with the process that started it, even one that was killed', async () => {
    await killedWhen(() => begun(SECONDS));
  });

  test('ends with it also when it was killed as soon as it had started the server', async () => {
    for (let times = 0; times < grown(5, 200); times += 1) await killedWhen(() => Promise.resolve());
  });
});

test('where a part is missing and may not be installed, the command that would install it is named', async () => {
  const env = { PATH: '/nonexistent' };
  await expect(run(process.execPath, [SCRIPT], { env })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /apt-get install -y --no-install-recommends openssh-client openssl redis-server git curl jq bubblewrap [a-z -]+\n/,
    ),
  });
  await run(process.execPath, [SCRIPT]);
});
