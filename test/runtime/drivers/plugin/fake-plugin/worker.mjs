import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { definePlugin, runWorker } from '@paperclipai/plugin-sdk';

const folderOf = (config, providerLeaseId) => join(config.root, providerLeaseId.split('/').at(-1));
const leaseOf = (config, providerLeaseId) => {
  const remoteCwd = folderOf(config, providerLeaseId);
  return { providerLeaseId, metadata: { image: config.image, remoteCwd } };
};
const remove = (config, providerLeaseId) => rm(folderOf(config, providerLeaseId), { recursive: true, force: true });

let context;

/** Runs a command in a sandbox; what it prints is told while it runs, and whole at its end. */
function run({ command, args = [], cwd, env = {}, stdin = '', timeoutMs }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env: { PATH: process.env.PATH, ...env }, detached: true });
    const printed = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr']) {
      child[stream].setEncoding('utf8').on('data', (chunk) => {
        printed[stream] += chunk;
        context.execution.log(stream, chunk);
      });
    }
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      process.kill(-child.pid, 'SIGKILL');
    }, timeoutMs);
    const end = (exitCode, signal) => {
      clearTimeout(timer);
      resolve({ exitCode, signal, timedOut, ...printed });
    };
    child.on('error', (error) => {
      printed.stderr += error.message;
      end(127, null);
    });
    child.on('close', end);
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
  });
}

async function copy({ operations }) {
  for (const { sourcePath, targetPath, mode } of operations.flatMap(({ files }) => files)) {
    await mkdir(dirname(targetPath), { recursive: true });
    await copyFile(sourcePath, targetPath);
    if (mode !== undefined) await chmod(targetPath, mode);
  }
  return { operations: [] };
}

const plugin = definePlugin({
  setup(ctx) {
    context = ctx;
  },
  onEnvironmentValidateConfig({ config }) {
    if (config.root.startsWith('/')) return { ok: true, normalizedConfig: config };
    return { ok: false, errors: ['root must be an absolute path'] };
  },
  onEnvironmentProbe({ config }) {
    const ok = existsSync(config.root);
    return { ok, summary: ok ? `Sandboxes can be made in ${config.root}.` : `There is no ${config.root}.` };
  },
  // Asked twice under one key, it gives the same sandbox.
  async onEnvironmentAcquireLease({ config, runId, idempotencyKey = randomUUID(), requestedExpiresAt }) {
    const lease = leaseOf(config, `fake-plugin://${runId}/${idempotencyKey}`);
    await mkdir(lease.metadata.remoteCwd, { recursive: true });
    if (config.livesMs === undefined) return lease;
    const expiresAt = new Date(Date.now() + config.livesMs).toISOString();
    return { ...lease, metadata: { ...lease.metadata, requestedExpiresAt }, expiresAt };
  },
  onEnvironmentResumeLease({ config, providerLeaseId }) {
    const isThere = existsSync(folderOf(config, providerLeaseId));
    return isThere ? leaseOf(config, providerLeaseId) : { providerLeaseId: null, metadata: { expired: true } };
  },
  async onEnvironmentReleaseLease({ config, providerLeaseId }) {
    if (!config.reuseLease) await remove(config, providerLeaseId);
  },
  onEnvironmentDestroyLease: ({ config, providerLeaseId }) => remove(config, providerLeaseId),
  async onEnvironmentRealizeWorkspace({ lease }) {
    const cwd = join(lease.metadata.remoteCwd, 'workspace');
    await mkdir(cwd, { recursive: true });
    return { cwd };
  },
  onEnvironmentExecute: run,
  onEnvironmentSyncIn: copy,
  onEnvironmentSyncOut: copy,
});

export default plugin;
runWorker(plugin, import.meta.url);
