import { LRUCache } from 'lru-cache';
import type { Budgets } from '../../../platform/config/config.js';
import { newId } from '../../../event-sourcing/ids/new-id.js';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import { ERRORS } from '../../../errors/catalogue.js';
import { failureText } from '../../../domain/driver-contract/failure-text.js';
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
  WorkspaceWish,
} from '../../../domain/driver-contract/runtime-driver.js';
import type { SecretReader } from '../../../domain/driver-contract/secret-reader.js';
import { AcquireCalls } from './acquire-calls.js';
import { isJsonObject } from '../../../domain/driver-contract/json-object.js';
import { PLUGIN_FORM, SANDBOX_FORM } from './config-form.js';
import { ConfigSchema } from './config-schema.js';
import { PluginConfig, type OpenConfig } from './plugin-config.js';
import { executeByFiles } from './file-passage.js';
import { CommandOutput, textCommand } from './plugin-execute.js';
import { acquisitionOf, cwdOf, isShort, type PluginTeardown } from './plugin-lease.js';
import type { DeclaredDriver, PluginPackage } from './plugin-package.js';
import type { PluginWorker } from './plugin-worker.js';
import { Redaction } from './redaction.js';
import { WorkerRefusal, type WorkerCall } from './worker-connection.js';

/** A command's end may take this much longer to be told. */
const TELLING_MS = 10_000;
const REMEMBERED_HOLDERS = 10_000;
/** Of a config: who has more to say of it says it after these are put right. */
const MAX_ERRORS = 50;
/** Characters of a config, as the plugin would have it. */
const MAX_CONFIG = 256 * 1024;
const TOO_LONG = 'The plugin’s answer is too long to store.';

/** Whose environment a call is about. */
interface Subject {
  readonly companyId: string;
  readonly environmentId: string;
  readonly config: JsonObject;
}

type CallOptions = Pick<WorkerCall, 'signal' | 'onOutput'> & {
  readonly budgetMs?: number;
  /** Told an answer that is refused for a secret in it, so that what it made is taken down. */
  readonly onRefused?: (answer: JsonObject) => Promise<unknown>;
};

/** What these answer names things by that are used later, which cannot be masked. */
const NAMING = ['environmentAcquireLease', 'environmentResumeLease', 'environmentRealizeWorkspace'];

function namesIn({ providerLeaseId, metadata, cwd }: JsonObject): unknown[] {
  return [providerLeaseId, cwd, isJsonObject(metadata) ? metadata['remoteCwd'] : null];
}

/** A driver that a plugin's worker serves, by the protocol of @paperclipai/plugin-sdk: see docs/decisions/0014-plugins.md. */
export class PluginDriver implements QueuedDriver {
  readonly acquiring = 'queued';
  readonly provider: string;
  readonly displayName: string;
  readonly description: string;
  readonly secretFields: readonly string[];
  readonly leaseMetadata = ['pluginKey'];
  readonly capabilities;
  readonly plugin: { readonly key: string };
  readonly settling: NonNullable<QueuedDriver['settling']>;
  private readonly settings: PluginConfig;
  private readonly acquires = new AcquireCalls<Acquisition>();
  /** The fence of the newest lease that this process has given a thing of the provider's to. */
  private readonly holders = new LRUCache<string, number>({ max: REMEMBERED_HOLDERS });

  /** @param driver `sandbox`: its environments name the driver's key as their provider */
  constructor(
    readonly driver: 'sandbox' | 'plugin',
    { key }: PluginPackage,
    private readonly declared: DeclaredDriver,
    private readonly worker: PluginWorker,
    secrets: SecretReader,
    private readonly budgets: Budgets,
    settlingMs: number,
    private readonly spool: string,
  ) {
    const findAll = async (request: EffectRequest): Promise<Acquisition[]> => {
      const found = await this.find(request);
      return found === null ? [] : [found];
    };
    this.settling = { ms: settlingMs, findAll };
    const { driverKey, displayName, description = '', configSchema = { additionalProperties: true } } = declared;
    const isSandbox = driver === 'sandbox';
    this.provider = isSandbox ? driverKey : `${key}:${driverKey}`;
    this.displayName = displayName;
    this.description = description;
    this.plugin = { key };
    this.settings = new PluginConfig(isSandbox ? SANDBOX_FORM : PLUGIN_FORM, new ConfigSchema(configSchema), secrets);
    this.secretFields = this.settings.secretFields;
    this.capabilities = {
      supportsRunExecution: true,
      supportsSavedProbe: true,
      supportsUnsavedProbe: true,
      supportsReusableLeases: declared.sandboxCapabilities?.reusableLeases ?? declared.supportsReusableLeases ?? false,
    };
  }

  validateConfig(config: JsonObject, companyId: string): Promise<ConfigVerdict> {
    const { driverKey } = this.declared;
    return this.settings.validate(config, companyId, async ({ config: open, secrets }) => {
      const answer = await this.call('environmentValidateConfig', { driverKey, config: open }, secrets).catch(
        ifUnknown({ ok: true }),
      );
      const { ok, errors, normalizedConfig: normalized } = isJsonObject(answer) ? answer : {};
      const said = Array.isArray(errors) ? errors.slice(0, MAX_ERRORS).map(failureText) : [];
      if (ok === true && !isShort(normalized ?? null, MAX_CONFIG)) return { errors: [TOO_LONG], normalized: null };
      if (ok === true) return { errors: [], normalized: isJsonObject(normalized) ? normalized : null };
      return { errors: said.length > 0 ? said : ['The plugin does not accept this config.'], normalized: null };
    });
  }

  async probe({ companyId, environmentId, config, signal }: ProbeRequest): Promise<ProbeResult> {
    const since = performance.now();
    const { key: pluginKey } = this.plugin;
    const answered = (ok: boolean, summary: string, reasonCode: string | null, more: JsonObject): ProbeResult => {
      const steps = [{ step: 'plugin', ok, durationMs: Math.round(performance.now() - since) }];
      return {
        ...{ ok, driver: this.driver, summary },
        details: { provider: this.provider, pluginKey, reasonCode, steps, ...more },
      };
    };
    try {
      const answer = await this.ask('environmentProbe', { companyId, environmentId, config }, {}, { signal });
      const { ok, summary, diagnostics = [], metadata = {} } = isJsonObject(answer) ? answer : {};
      const found = ok === true;
      const said = typeof summary === 'string' ? failureText(summary) : found ? 'It answers.' : 'It reports a failure.';
      const more = { diagnostics, metadata };
      return answered(found, said, found ? null : 'driver_failed', isShort(more) ? more : { diagnostics: [TOO_LONG] });
    } catch (error) {
      return answered(false, failureText(error), error instanceof DriverError ? error.reasonCode : 'driver_failed', {});
    }
  }

  acquire(request: EffectRequest): Promise<Acquisition> {
    const { leaseId, effectId, heartbeatRunId, fence, endsAt: requestedExpiresAt, signal } = request;
    const acquire = async (): Promise<Acquisition> => {
      // The key is not of the protocol: whoever does not know it does not see it.
      const params = { runId: heartbeatRunId ?? leaseId, idempotencyKey: effectId, requestedExpiresAt };
      const onRefused = ({ providerLeaseId, metadata: leaseMetadata = {} }: JsonObject): Promise<unknown> =>
        this.ask('environmentDestroyLease', request, { providerLeaseId, leaseMetadata });
      const answer = await this.ask('environmentAcquireLease', request, params, { onRefused });
      return this.held(acquisitionOf(answer, request, this.known), fence);
    };
    return this.acquires.make(effectId, acquire, signal);
  }

  /** The protocol has no names of ours, so only what this process has heard of can be found. */
  find({ effectId, signal }: EffectRequest): Promise<Acquisition | null> {
    return this.acquires.find(effectId, signal);
  }

  async release(lease: ReleaseRequest): Promise<ReleaseOutcome> {
    if (lease.providerLeaseId === null || this.isLate(lease)) return 'nothing_to_clean';
    const gone = subjectOf(lease);
    const { signal } = lease;
    await this.ask('environmentDestroyLease', gone, leaseParams(lease), { signal }).catch(async (error: unknown) => {
      if (!(error instanceof WorkerRefusal && error.isUnknownMethod)) throw error;
      await this.ask('environmentReleaseLease', gone, leaseParams(lease), { signal }, { reuseLease: false });
    });
    return 'cleaned';
  }

  /** Tells the provider to leave the sandbox for reuse, whatever its config says about reuse. */
  async suspend(lease: ReleaseRequest): Promise<void> {
    if (this.isLate(lease)) return;
    const { signal } = lease;
    await this.ask('environmentReleaseLease', subjectOf(lease), leaseParams(lease), { signal }, { reuseLease: true });
  }

  async resume(request: ResumeRequest): Promise<Acquisition | null> {
    const { from, fence, signal } = request;
    if (from.providerLeaseId === null || this.isLate(from)) return null;
    try {
      const answer = await this.ask('environmentResumeLease', request, leaseParams(from), { signal });
      const acquisition = acquisitionOf(answer, request, this.known);
      // So the protocol says that it is there no more.
      return acquisition.providerLeaseId === null ? null : this.held(acquisition, fence);
    } catch (error) {
      if (error instanceof WorkerRefusal) return null;
      throw error;
    }
  }

  async realizeWorkspace(lease: HeldLease, { localPath, mode, signal }: WorkspaceWish): Promise<string | null> {
    const remotePath = cwdOf(teardownOf(lease).leaseMetadata);
    const workspace = { remotePath, ...(localPath !== null && { localPath }), ...(mode !== null && { mode }) };
    const params = { lease: leaseOf(lease), workspace };
    const answer = await this.ask('environmentRealizeWorkspace', subjectOf(lease), params, { signal }).catch(
      ifUnknown(null),
    );
    const cwd = isJsonObject(answer) ? answer['cwd'] : null;
    return typeof cwd === 'string' && isShort(cwd) ? cwd : null;
  }

  async execute(request: ExecuteRequest): Promise<ExecutionResult> {
    const { lease } = request;
    if (this.isLate(lease)) {
      throw new DriverError('permanent', 'stale_fence', ERRORS.stale_fence.title, false);
    }
    const verbs = await this.worker.methods();
    if (!verbs.has('environmentSyncIn') || !verbs.has('environmentSyncOut')) return this.command(request);
    return executeByFiles(request, this.spool, cwdOf(teardownOf(lease).leaseMetadata), {
      execute: (command) => this.command(command),
      bring: (localPath, remotePath) => this.copy('environmentSyncIn', request, localPath, remotePath),
      fetch: (remotePath, localPath) => this.copy('environmentSyncOut', request, remotePath, localPath),
    });
  }

  private async copy(
    method: 'environmentSyncIn' | 'environmentSyncOut',
    { lease, signal, timeoutMs }: ExecuteRequest,
    sourcePath: string,
    targetPath: string,
  ): Promise<void> {
    const files = [{ sourcePath, targetPath, kind: 'file', mode: 0o600 }];
    const params = { lease: leaseOf(lease), operations: [{ operationId: newId(), files }] };
    await this.ask(method, subjectOf(lease), params, { signal, budgetMs: timeoutMs });
  }

  private async command(request: ExecuteRequest): Promise<ExecutionResult> {
    const { lease, cwd, env, signal } = request;
    const { config, leaseMetadata } = teardownOf(lease);
    const own = config['timeoutMs'];
    const timeoutMs = Math.min(request.timeoutMs, typeof own === 'number' ? own : Infinity);
    const { command, args, stdin, isEncoded } = await textCommand(request);
    const home = cwdOf(leaseMetadata);
    const where = cwd === null || cwd.startsWith('/') ? (cwd ?? home) : `${home}/${cwd}`;
    const output = new CommandOutput(request, isEncoded);
    const params = { lease: leaseOf(lease), command, args, cwd: where, env, stdin, timeoutMs };
    const answer = await this.ask('environmentExecute', subjectOf(lease), params, {
      ...{ signal, budgetMs: timeoutMs + TELLING_MS },
      onOutput: (stream, chunk) => output.piece(stream, chunk),
    });
    return output.whole(answer);
  }

  executionTarget(lease: HeldLease & { readonly environmentId: string }): ExecutionTarget {
    const { environmentId, leaseId } = lease;
    const { config, leaseMetadata } = teardownOf(lease);
    return {
      ...{ kind: 'remote', transport: this.driver, providerKey: this.provider, environmentId, leaseId },
      ...{ remoteCwd: cwdOf(leaseMetadata), timeoutMs: config['timeoutMs'] ?? null },
    };
  }

  close(): Promise<void> {
    return this.worker.close();
  }

  /** Of the lease's metadata, whatever the plugin says. */
  private get known(): JsonObject {
    return { provider: this.provider, pluginKey: this.plugin.key };
  }

  private held(acquisition: Acquisition, fence: number): Acquisition {
    if (acquisition.providerLeaseId !== null) this.holders.set(acquisition.providerLeaseId, fence);
    return acquisition;
  }

  private isLate({ providerLeaseId, fence }: HeldLease): boolean {
    return providerLeaseId !== null && (this.holders.get(providerLeaseId) ?? 0) > fence;
  }

  /** A call about an environment. Its secrets are read for it alone. @param change settings that are ours to say */
  private async ask(
    method: string,
    { companyId, environmentId, config }: Subject,
    params: JsonObject,
    options: CallOptions = {},
    change: JsonObject = {},
  ): Promise<unknown> {
    const { driverKey } = this.declared;
    const open: OpenConfig = await this.settings.open(config, companyId);
    const base = { driverKey, companyId, environmentId, config: { ...open.config, ...change } };
    return this.call(method, { ...base, ...params }, open.secrets, { ...options, companyId });
  }

  /**
   * Nothing that it gives has the call's secrets in it, but for what a command prints.
   * @throws DriverError driver_failed where the name of a sandbox or of its folder has one
   */
  private async call(
    method: string,
    params: JsonObject,
    secrets: readonly string[],
    options: CallOptions & { readonly companyId?: string } = {},
  ): Promise<unknown> {
    const budgetMs = options.budgetMs ?? this.budgets.readinessMs;
    const answer = await this.worker.call({ method, params, ...options, budgetMs }, secrets);
    if (method === 'environmentExecute') return answer;
    const redaction = new Redaction();
    redaction.add(secrets);
    if (NAMING.includes(method) && isJsonObject(answer) && redaction.isIn(namesIn(answer))) {
      await options.onRefused?.(answer).catch(() => undefined);
      const message = `The plugin’s answer to ${method} has a secret of the environment in a name.`;
      throw new DriverError('permanent', 'driver_failed', message, true);
    }
    return redaction.json(answer);
  }
}

/** For a method that a worker need not have. */
function ifUnknown<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof WorkerRefusal && error.isUnknownMethod) return instead;
    throw error;
  };
}

function teardownOf({ teardown }: HeldLease): PluginTeardown {
  return teardown as PluginTeardown;
}

function subjectOf(lease: HeldLease): Subject {
  const { environmentId, config } = teardownOf(lease);
  return { companyId: lease.companyId, environmentId, config };
}

function leaseParams(lease: HeldLease): JsonObject {
  return { providerLeaseId: lease.providerLeaseId, leaseMetadata: teardownOf(lease).leaseMetadata };
}

function leaseOf(lease: HeldLease): JsonObject {
  return { providerLeaseId: lease.providerLeaseId, metadata: teardownOf(lease).leaseMetadata };
}
