import { DriverError } from '../../../../domain/driver-contract/driver-error.js';
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
  ResumeRequest,
} from '../../../../domain/driver-contract/runtime-driver.js';
import { ERRORS } from '../../../../errors/catalogue.js';
import { LIMIT_NAMES, limited, validateBubblewrapConfig, type BubblewrapConfig } from './bubblewrap-config.js';
import { ENVIRONMENT, WORKSPACE } from './sandbox-arguments.js';
import type { SandboxCommand } from './sandbox-command.js';
import { SandboxFolders, type Holder } from './sandbox-folders.js';
import { SandboxHoldings } from './sandbox-holdings.js';
import { SandboxRunner } from './sandbox-runner.js';
import { ALONE, type SandboxSettings } from './sandbox-settings.js';
import { findTools } from './sandbox-tools.js';

/** What is kept with a lease: which sandbox, what it may use, and in which data folder it is, which older ones do not say. */
type Teardown = JsonObject & { readonly name: string; readonly config: BubblewrapConfig; readonly place?: string };

const NETWORK_REFUSED =
  'network can be true only once a token exists: until then, any program that reaches the service on loopback has all permissions. ' +
  'Create one: npm run leasehold -- tokens create --name … --all-companies --permission admin';

/** Sandboxes on the service's own machine: see docs/decisions/0013-bubblewrap.md. */
export class BubblewrapDriver implements QueuedDriver {
  readonly driver = 'sandbox';
  readonly provider = 'bubblewrap';
  readonly acquiring = 'queued';
  readonly displayName = 'Bubblewrap sandbox';
  readonly description = 'A sandbox on the service’s own Linux machine.';
  readonly unavailable: string | null;
  readonly secretFields = [];
  readonly leaseMetadata = METADATA_FIELDS;
  readonly capabilities;
  readonly holdings: SandboxHoldings;
  private readonly folders: SandboxFolders;
  private readonly runner: SandboxRunner | null;

  /** @param tools what the machine has to make sandboxes with, or what is missing of it */
  constructor(
    dataDir: string,
    private readonly settings: SandboxSettings = ALONE,
    tools = findTools(process.env['PATH'] ?? ''),
  ) {
    this.unavailable = 'missing' in tools ? tools.missing : null;
    this.folders = new SandboxFolders(dataDir, !('missing' in tools) && tools.asRoot !== null);
    this.holdings = new SandboxHoldings(this.folders);
    this.runner = 'missing' in tools ? null : new SandboxRunner(tools, this.folders, dataDir, settings.hidden);
    this.capabilities = {
      supportsRunExecution: this.runner !== null,
      supportsSavedProbe: true,
      supportsUnsavedProbe: true,
      supportsReusableLeases: true,
    };
  }

  async validateConfig(config: JsonObject): Promise<ConfigVerdict> {
    const verdict = validateBubblewrapConfig(config, this.settings.most);
    if (verdict.kind === 'invalid' || verdict.config['network'] !== true) return verdict;
    if (await this.settings.someTokenMade()) return verdict;
    return { kind: 'invalid', errors: [{ field: 'network', message: NETWORK_REFUSED }] };
  }

  async probe({ config }: ProbeRequest): Promise<ProbeResult> {
    const { provider, limits } = {
      provider: this.provider,
      limits: metadataOf(config as JsonObject & BubblewrapConfig),
    };
    const startedAt = performance.now();
    const answer = (ok: boolean, summary: string, reasonCode: string | null): ProbeResult => {
      const steps = [{ step: 'sandbox', ok, durationMs: Math.round(performance.now() - startedAt) }];
      return { ok, driver: this.driver, summary, details: { provider, ...limits, reasonCode, steps } };
    };
    try {
      const { holdsCommands } = await this.ready(config as JsonObject & BubblewrapConfig);
      const way = holdsCommands
        ? 'one sandbox for the whole lease'
        : 'a new sandbox each, because /usr/bin/perl is missing';
      return answer(true, `Sandboxes work here. Commands run in ${way}.`, null);
    } catch (error) {
      if (!(error instanceof DriverError)) throw error;
      return answer(false, error.message, error.reasonCode);
    }
  }

  async acquire({ effectId, leaseId, fence, config }: EffectRequest): Promise<Acquisition> {
    await this.ready(config as JsonObject & BubblewrapConfig);
    const log = await this.settings.logId();
    const made = await this.folders.make(effectId, { fence, leaseId, effectId }, log);
    if (!made) throw staleFence();
    return this.acquisition(effectId, config);
  }

  async find({ effectId, leaseId, fence, config }: EffectRequest): Promise<Acquisition | null> {
    const name = await this.folders.findByEffect(effectId);
    if (name === null) return null;
    // What was cut off while it was made is made whole.
    if (name === effectId) {
      await this.folders.make(name, { fence, leaseId, effectId }, await this.settings.logId());
    }
    return this.acquisition(name, config);
  }

  async release({ leaseId, fence, teardown }: ReleaseRequest): Promise<ReleaseOutcome> {
    await this.mustBeHere(teardown);
    const { name } = teardown as Teardown;
    const holder = await this.folders.holder(name);
    if (holder && !isHeldBy(holder, { leaseId, fence })) return 'nothing_to_clean';
    await this.folders.markGone(name);
    // Somebody else may take it over at this moment, or a release that was cut off goes on.
    if (holder && holder.state !== 'ended') {
      const ended = await this.folders.change(name, holder, { ...holder, state: 'ended' });
      if (!ended) return 'nothing_to_clean';
    }
    await this.folders.remove(name);
    return 'cleaned';
  }

  async suspend({ leaseId, fence, teardown }: ReleaseRequest): Promise<void> {
    await this.mustBeHere(teardown);
    const { name } = teardown as Teardown;
    const holder = await this.folders.holder(name);
    if (!holder || !isHeldBy(holder, { leaseId, fence })) return;
    if (holder.state === 'lease') await this.folders.change(name, holder, { ...holder, state: 'left' });
    await this.folders.endProcesses(name);
  }

  async resume({ effectId, leaseId, fence, config, from }: ResumeRequest): Promise<Acquisition | null> {
    await this.ready(config as JsonObject & BubblewrapConfig);
    await this.mustBeHere(from.teardown);
    const { name } = from.teardown as Teardown;
    const mine: Holder = { state: 'lease', fence, leaseId, effectId };
    const holder = await this.folders.holder(name);
    if (!holder || !(await this.folders.isWhole(name))) return null;
    if (holder.effectId !== effectId) {
      if (holder.state === 'ended' || !isHeldBy(holder, from) || holder.fence >= fence) return null;
      if (!(await this.folders.change(name, holder, mine))) return null;
      await this.folders.endProcesses(name);
    }
    return this.acquisition(name, config);
  }

  async execute(request: ExecuteRequest): Promise<ExecutionResult> {
    const { leaseId, fence, teardown } = request.lease;
    await this.mustBeHere(teardown);
    const { name, config: asked } = teardown as Teardown;
    const config = limited(asked, this.settings.most);
    const runner = await this.ready(config);
    const isHolder = async (): Promise<void> => {
      const holder = await this.folders.holder(name);
      if (holder?.state !== 'lease' || !isHeldBy(holder, { leaseId, fence })) throw staleFence();
    };
    const { stdin, stdout, stderr, signal } = request;
    const command: SandboxCommand = {
      argv: [request.command, ...request.args],
      cwd: absolute(request.cwd),
      env: { ...ENVIRONMENT, ...request.env },
      timeoutMs: Math.min(request.timeoutMs, config.timeoutMs),
      ...{ stdin, stdout, stderr, signal },
    };
    return runner.execute(name, config, isHolder, command);
  }

  executionTarget(lease: HeldLease & { readonly environmentId: string }): ExecutionTarget {
    const { environmentId, leaseId } = lease;
    const { timeoutMs } = (lease.teardown as Teardown).config;
    return {
      ...{ kind: 'remote', transport: 'sandbox', providerKey: this.provider, environmentId, leaseId },
      ...{ remoteCwd: WORKSPACE, timeoutMs },
    };
  }

  /** Ends every sandbox that is held here; their workspaces stay. */
  async close(): Promise<void> {
    await this.runner?.close();
  }

  async isElsewhere(teardown: JsonObject): Promise<boolean> {
    const { place } = teardown as Teardown;
    return place !== undefined && place !== (await this.folders.place());
  }

  /** @throws DriverError sandbox_elsewhere */
  private async mustBeHere(teardown: JsonObject): Promise<void> {
    if (!(await this.isElsewhere(teardown))) return;
    const message = 'The sandbox is in the data folder of another service process, perhaps on another machine.';
    throw new DriverError('transient', 'sandbox_elsewhere', message, false);
  }

  private async acquisition(name: string, asked: JsonObject): Promise<Acquisition> {
    const config = limited(asked as JsonObject & BubblewrapConfig, this.settings.most);
    return {
      providerLeaseId: `sandbox://bubblewrap/${name}`,
      metadata: { ...metadataOf(config), remoteCwd: WORKSPACE },
      teardown: { name, config, place: await this.folders.place() },
    };
  }

  /** @throws DriverError tool_missing, isolation_unavailable, network_refused */
  private async ready({ network }: BubblewrapConfig): Promise<SandboxRunner> {
    if (!this.runner) throw new DriverError('config', 'tool_missing', this.unavailable ?? '', false);
    if (network && !(await this.settings.someTokenMade())) {
      throw new DriverError('config', 'network_refused', NETWORK_REFUSED, false);
    }
    await this.runner.tryOut();
    return this.runner;
  }
}

function isHeldBy(holder: Holder, { leaseId, fence }: { readonly leaseId: string; readonly fence: number }): boolean {
  return holder.leaseId === leaseId && holder.fence === fence;
}

const METADATA_FIELDS = ['image', 'reuseLease', 'network', ...LIMIT_NAMES];

/** There are no images: what is in a sandbox is the machine's own /usr. */
function metadataOf(config: JsonObject & BubblewrapConfig): JsonObject {
  return { ...config, image: null };
}

function absolute(cwd: string | null): string {
  if (cwd === null) return WORKSPACE;
  return cwd.startsWith('/') ? cwd : `${WORKSPACE}/${cwd}`;
}

function staleFence(): DriverError {
  return new DriverError('permanent', 'stale_fence', ERRORS.stale_fence.title, false);
}
