import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DriverError } from '../../src/drivers/driver-error.js';
import type {
  Acquisition,
  ConfigVerdict,
  EffectRequest,
  ExecutionResult,
  ExecutionTarget,
  HeldLease,
  JsonObject,
  ProbeResult,
  QueuedDriver,
  ReleaseOutcome,
  ReleaseRequest,
} from '../../src/drivers/runtime-driver.js';

/** What a test does at a call of the driver, before or instead of it; it may throw or never return. */
export type Meanwhile = (call: 'acquire' | 'find' | 'release', leaseId: string, signal: AbortSignal) => Promise<void>;

/**
 * A provider whose sandboxes are folders, named by their effect: slow, real outside of the service, and to be looked at by
 * a test. Each line of `made` is one that was made anew.
 */
export class FolderDriver implements QueuedDriver {
  readonly driver = 'sandbox';
  readonly provider = 'folder';
  readonly acquiring = 'queued';
  readonly displayName = 'Folder';
  readonly description = 'Folders that stand for sandboxes.';
  readonly secretFields = [];
  readonly capabilities = {
    supportsRunExecution: false,
    supportsSavedProbe: true,
    supportsUnsavedProbe: true,
    supportsReusableLeases: false,
  };
  meanwhile: Meanwhile = () => Promise.resolve();

  constructor(private readonly root: string) {}

  validateConfig(config: JsonObject): ConfigVerdict {
    return { kind: 'valid', config };
  }

  probe(): Promise<ProbeResult> {
    return Promise.resolve({ ok: true, driver: this.driver, summary: 'Folders can be made.', details: null });
  }

  async acquire({ effectId, leaseId, signal }: EffectRequest): Promise<Acquisition> {
    await this.meanwhile('acquire', leaseId, signal);
    const folder = join(this.root, effectId);
    try {
      await mkdir(folder);
      await writeFile(join(this.root, 'made'), `${leaseId}\n`, { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    return { providerLeaseId: `folder://${effectId}`, metadata: { folder: effectId }, teardown: { folder: effectId } };
  }

  async find({ effectId, leaseId, signal }: EffectRequest): Promise<Acquisition | null> {
    await this.meanwhile('find', leaseId, signal);
    if (!existsSync(join(this.root, effectId))) return null;
    return { providerLeaseId: `folder://${effectId}`, metadata: { folder: effectId }, teardown: { folder: effectId } };
  }

  async release({ leaseId, teardown, signal }: ReleaseRequest): Promise<ReleaseOutcome> {
    await this.meanwhile('release', leaseId, signal);
    await rm(join(this.root, String(teardown['folder'])), { recursive: true, force: true });
    return 'cleaned';
  }

  execute(): Promise<ExecutionResult> {
    return Promise.reject(new DriverError('config', 'unsupported_operation', 'A folder runs nothing.', false));
  }

  executionTarget({ environmentId, leaseId }: HeldLease & { readonly environmentId: string }): ExecutionTarget {
    return { kind: 'remote', transport: 'sandbox', providerKey: this.provider, environmentId, leaseId };
  }
}
