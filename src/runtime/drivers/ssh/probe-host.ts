import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import { failureText } from '../../../domain/driver-contract/failure-text.js';
import type { ProbeResult } from '../../../domain/driver-contract/runtime-driver.js';
import { runScript } from './remote-command.js';
import { PROBE } from './remote-scripts.js';
import type { SshAddresses } from './ssh-addresses.js';
import type { SshConfig } from './ssh-config.js';
import { SshConnection, type SshEndpoint } from './ssh-connection.js';

interface Step {
  readonly step: string;
  readonly ok: boolean;
  readonly durationMs: number;
}

/** Connects again, looks, and leaves nothing behind. What it finds is the answer, whatever it is. */
export async function probeHost(
  endpoint: Promise<SshEndpoint>,
  config: SshConfig,
  budgetMs: number,
  addresses: SshAddresses,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const steps: Step[] = [];
  let since = performance.now();
  const done = (step: string, ok = true): void => {
    steps.push({ step, ok, durationMs: Math.round(performance.now() - since) });
    since = performance.now();
  };
  const place = { host: config.host, port: config.port, username: config.username };
  const { remoteWorkspacePath } = config;
  let connection: SshConnection | null = null;
  try {
    connection = await SshConnection.open(await endpoint, budgetMs, addresses, (step) => done(step));
    const answer = await runScript(connection, PROBE, [remoteWorkspacePath, 'probe'], signal);
    const workspace = /^workspace=(.*)$/m.exec(answer)?.[1] ?? '';
    const missingTools = (/^missing=(.*)$/m.exec(answer)?.[1] ?? '').split(' ').filter((tool) => tool !== '');
    const ok = workspace === 'writable' || workspace === 'will be made';
    done('workspace', ok);
    const summary = ok
      ? `${config.host} lets ${config.username} in, and ${remoteWorkspacePath} ${workspace === 'writable' ? 'is writable' : workspace}.`
      : `${config.host} lets ${config.username} in, but ${remoteWorkspacePath} ${workspace}.`;
    const reasonCode = ok ? null : 'workspace_not_writable';
    return { ok, driver: 'ssh', summary, details: { ...place, remoteWorkspacePath, missingTools, reasonCode, steps } };
  } catch (error) {
    const reasonCode = error instanceof DriverError ? error.reasonCode : 'driver_failed';
    done('failed', false);
    return { ok: false, driver: 'ssh', summary: failureText(error), details: { ...place, reasonCode, steps } };
  } finally {
    connection?.destroy();
  }
}
