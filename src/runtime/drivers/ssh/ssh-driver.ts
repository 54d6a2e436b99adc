import type { Budgets } from '../../../platform/config/config.js';
import { newId } from '../../../event-sourcing/ids/new-id.js';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import type { DriverReason, FailureClass } from '../../../domain/driver-contract/driver-names.js';
import type {
  Acquisition,
  ConfigVerdict,
  EffectRequest,
  ExecuteRequest,
  ExecutionResult,
  ExecutionTarget,
  HeldLease,
  JsonObject,
  ProbeRequest,
  ProbeResult,
  QueuedDriver,
  ReleaseOutcome,
  ReleaseRequest,
} from '../../../domain/driver-contract/runtime-driver.js';
import type { SecretReader, SecretRef } from '../../../domain/driver-contract/secret-reader.js';
import { guessedSignal } from '../signal-name.js';
import { probeHost } from './probe-host.js';
import { failureIn, runCommand, runScript } from './remote-command.js';
import { ACQUIRE, END_COMMAND, FIND, RELEASE } from './remote-scripts.js';
import { SECRET_FIELDS, type SshAccess } from './ssh-access.js';
import type { SshAddresses } from './ssh-addresses.js';
import { validateSshConfig, type SshConfig } from './ssh-config.js';
import type { HostProgram } from './shell-words.js';
import { SessionAbandonedError, type SshConnection, type SshEndpoint } from './ssh-connection.js';
import { SshPool, unlessAborted } from './ssh-pool.js';
import { bareHost, sshUrl } from './ssh-url.js';

/** A host that is not told to end a command within this ends it by itself: HOST_GRACE_SECONDS. */
const TOLD_WITHIN_MS = 10_000;

type OpenKey = Pick<SshEndpoint, 'privateKey' | 'passphrase'>;

/** What is kept with a lease: the config without the key, and the URL of the service that answered from the host. */
type Teardown = JsonObject & SshConfig & { readonly runtimeApiUrl: string | null };

const CLASS_OF: Partial<Record<DriverReason, FailureClass>> = {
  disk_full: 'capacity',
  host_taken: 'capacity',
  workspace_not_writable: 'config',
  tool_missing: 'config',
  runtime_api_unreachable: 'transient',
  stale_fence: 'permanent',
};

/** Hosts that are reached over SSH. A lease is a folder of Leasehold's own in the host's workspace: see remote-scripts.ts. */
export class SshDriver implements QueuedDriver {
  readonly driver = 'ssh';
  readonly provider = null;
  readonly acquiring = 'queued';
  readonly displayName = 'SSH host';
  readonly description = 'A machine that is reached over SSH.';
  readonly secretFields = SECRET_FIELDS;
  readonly leaseMetadata = ['host', 'port', 'username', 'remoteWorkspacePath', 'remoteCwd', 'runtimeApiUrl'];
  readonly capabilities = {
    supportsRunExecution: true,
    supportsSavedProbe: true,
    supportsUnsavedProbe: true,
    supportsReusableLeases: false,
  };
  private readonly pool: SshPool;

  /** @param runtimeApiCandidates URLs of this service, to be tried from the host in their order */
  constructor(
    private readonly secrets: SecretReader,
    private readonly budgets: Budgets,
    private readonly runtimeApiCandidates: readonly string[],
    private readonly addresses: SshAddresses,
  ) {
    this.pool = new SshPool(budgets.transportMs, addresses);
  }

  validateConfig(config: JsonObject): ConfigVerdict {
    return validateSshConfig(config);
  }

  async probe({ companyId, config, signal }: ProbeRequest): Promise<ProbeResult> {
    const endpoint = this.endpointOf(companyId, config as JsonObject & SshConfig);
    return probeHost(endpoint, config as JsonObject & SshConfig, this.budgets.transportMs, this.addresses, signal);
  }

  async acquire(request: EffectRequest): Promise<Acquisition> {
    const { leaseId, effectId, fence } = request;
    const config = request.config as JsonObject & SshConfig;
    const words = [config.remoteWorkspacePath, leaseId, effectId, String(fence), String(config.exclusive)];
    const answer = await this.ask(request, config, ACQUIRE, [...words, ...this.runtimeApiCandidates]);
    const failure = failureIn(answer);
    if (failure) {
      const { reasonCode, text } = failure;
      throw new DriverError(CLASS_OF[reasonCode] ?? 'permanent', reasonCode, text, false);
    }
    return this.acquisition(config, answer.replace(/^ok=/, ''));
  }

  async find(request: EffectRequest): Promise<Acquisition | null> {
    const config = request.config as JsonObject & SshConfig;
    const words = [config.remoteWorkspacePath, request.leaseId, request.effectId];
    const answer = await this.ask(request, config, FIND, words);
    return answer === 'none' ? null : this.acquisition(config, answer.replace(/^found=/, ''));
  }

  async release(lease: ReleaseRequest): Promise<ReleaseOutcome> {
    const config = lease.teardown as Teardown;
    const answer = await this.ask(lease, config, RELEASE, [config.remoteWorkspacePath, lease.leaseId]);
    return answer === 'cleaned' ? 'cleaned' : 'nothing_to_clean';
  }

  async execute(request: ExecuteRequest): Promise<ExecutionResult> {
    const { companyId, leaseId, teardown } = request.lease;
    const config = teardown as Teardown;
    const { remoteWorkspacePath: workspace } = config;
    const cwd = request.cwd === null || request.cwd.startsWith('/') ? request.cwd : `${workspace}/${request.cwd}`;
    const executionId = newId();
    const time = new AbortController();
    const timer = setTimeout(() => time.abort(new Error('timed out')), request.timeoutMs);
    const signal = AbortSignal.any([time.signal, request.signal]);
    let endpoint: SshEndpoint | null = null;
    try {
      endpoint = await unlessAborted(this.endpointOf(companyId, config), signal);
      const run = async (connection: SshConnection): Promise<ExecutionResult> => {
        const exit = await runCommand(connection, executionId, { workspace, cwd: cwd ?? workspace }, request, signal);
        const { code, signal: by } = exit;
        return { exitCode: code, signal: code === null ? by : guessedSignal(code), timedOut: false };
      };
      return await this.pool.use(endpoint, run, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      // The channel is closed; what ran in it, and its children, are told on the host.
      if (endpoint && !(error instanceof SessionAbandonedError))
        await this.endCommand(endpoint, [workspace, leaseId, executionId]);
      if (time.signal.aborted) return { exitCode: null, signal: 'SIGKILL', timedOut: true };
      throw request.signal.reason;
    } finally {
      clearTimeout(timer);
    }
  }

  executionTarget(lease: HeldLease & { readonly environmentId: string }): ExecutionTarget {
    const { environmentId, leaseId } = lease;
    const { remoteWorkspacePath, runtimeApiUrl, ...access } = lease.teardown as Teardown;
    const remoteCwd = remoteWorkspacePath;
    const spec = { ...withoutSecrets(access), remoteWorkspacePath, remoteCwd };
    return { kind: 'remote', transport: 'ssh', environmentId, leaseId, remoteCwd, runtimeApiUrl, spec };
  }

  /** Ends every connection. */
  close(): Promise<void> {
    return this.pool.close();
  }

  /** @param url as the host says: one that is not this service's is not passed on */
  private acquisition(config: JsonObject & SshConfig, url: string): Acquisition {
    const { host, port, username, remoteWorkspacePath } = config;
    const runtimeApiUrl = this.runtimeApiCandidates.find((candidate) => candidate === url) ?? null;
    return {
      providerLeaseId: sshUrl(config, remoteWorkspacePath),
      metadata: { host, port, username, remoteWorkspacePath, remoteCwd: remoteWorkspacePath, runtimeApiUrl },
      teardown: { ...config, privateKey: null, passphrase: null, runtimeApiUrl },
    };
  }

  private async ask(
    { companyId, signal }: { readonly companyId: string; readonly signal: AbortSignal },
    config: SshConfig,
    program: HostProgram,
    words: readonly string[],
  ): Promise<string> {
    const endpoint = await this.endpointOf(companyId, config);
    return this.pool.use(endpoint, (connection) => runScript(connection, program, words, signal), signal);
  }

  private async endCommand(endpoint: SshEndpoint, words: readonly string[]): Promise<void> {
    const signal = AbortSignal.timeout(Math.min(this.budgets.transportMs, TOLD_WITHIN_MS));
    const end = (connection: SshConnection): Promise<string> => runScript(connection, END_COMMAND, words, signal);
    // If the host cannot be told, its own watch notices that the connection is gone.
    await this.pool.use(endpoint, end, signal).catch(() => undefined);
  }

  /**
   * The keys are read for each use: one that was replaced or withdrawn is not used any more.
   * @param behind the host that this one is a jump host of
   */
  private async endpointOf(companyId: string, access: SshAccess, behind?: OpenKey): Promise<SshEndpoint> {
    const { host, port, username, knownHosts, strictHostKeyChecking, jumpHost = null } = access;
    const key = (await this.keyOf(companyId, access)) ?? behind;
    if (!key) throw new DriverError('config', 'secret_unavailable', 'The config has no private key.', false);
    return {
      ...{ host: bareHost(host), port, username, knownHosts, strictHostKeyChecking, ...key },
      jumpHost: jumpHost && (await this.endpointOf(companyId, jumpHost, key)),
    };
  }

  private async keyOf(companyId: string, access: SshAccess): Promise<OpenKey | null> {
    const read = async (value: string | null, ref: SecretRef | null): Promise<string | null> =>
      value ?? (ref && (await this.secrets.read(companyId, ref)));
    const privateKey = await read(access.privateKey, access.privateKeySecretRef);
    const passphrase = await read(access.passphrase ?? null, access.passphraseSecretRef ?? null);
    return privateKey === null ? null : { privateKey, passphrase };
  }
}

/** How others reach a host: with keys of their own. */
function withoutSecrets({ host, port, username, knownHosts, strictHostKeyChecking, jumpHost }: SshAccess): JsonObject {
  const place = { host, port, username, knownHosts, strictHostKeyChecking };
  return jumpHost ? { ...place, jumpHost: withoutSecrets(jumpHost) } : place;
}
