import { readdir } from 'node:fs/promises';
import { once } from 'node:events';
import { expect, it } from '@jest/globals';
import { Client } from 'ssh2';
import { type PoorMachine, withoutTools, workspaceOn } from './faulty-workspace.js';
import { startSshd } from './sshd.js';

/** Both streams of a command on such a machine. */
async function said(machine: PoorMachine, command: string): Promise<string> {
  const sshd = await startSshd({ config: machine.config });
  const client = new Client();
  try {
    client.connect({ host: sshd.host, port: sshd.port, username: sshd.username, privateKey: sshd.privateKey });
    await once(client, 'ready');
    return await new Promise<string>((resolve, reject) => {
      client.exec(command, (error, channel) => {
        if (error) {
          reject(error);
          return;
        }
        let text = '';
        const keep = (chunk: Buffer): void => void (text += chunk.toString());
        channel.on('data', keep).on('close', () => resolve(text));
        channel.stderr.on('data', keep);
      });
    });
  } finally {
    client.destroy();
    await sshd.stop();
  }
}

it('a full disk has no room for a file, and is gone with the command', async () => {
  const machine = await workspaceOn('full_disk');
  const text = await said(machine, `head -c 8192 /dev/zero > '${machine.workspace}/file'`);
  expect(text).toContain('No space left on device');
  expect(await readdir(machine.workspace)).toEqual([]);
  await machine.remove();
});

it('a read-only workspace stops root too', async () => {
  const machine = await workspaceOn('read_only');
  expect(await said(machine, `: > '${machine.workspace}/file'`)).toContain('Read-only file system');
  await machine.remove();
});

it('a machine without tools has all the others', async () => {
  const machine = await withoutTools('git', 'curl', 'wget');
  const text = await said(
    machine,
    'for tool in git curl wget tar; do command -v "$tool" >/dev/null && echo "has $tool"; done',
  );
  expect(text).toBe('has tar\n');
  await machine.remove();
});
