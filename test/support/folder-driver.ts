import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DriverError } from '../../src/domain/driver-contract/driver-error.js';
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
  ResumeRequest,
} from '../../src/domain/driver-contract/runtime-driver.js';

/** What a test does at a call of the driver, before or instead of it; it may throw or never return. */
export type Meanwhile = (
  call: 'acquire' | 'find' | 'release' | 'suspend' | 'resume',
  leaseId: string,
  signal: AbortSignal,
) => Promise<void>;

/**
 * A provider whose sandboxes are folders, named by the effect that made them: slow, real outside of the service, and to be
 * looked at by a test. Each line of `made` is one that was made again. The file `holder` in a sandbox says whose it is; one
 * without is not fit to be used again.
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
    supportsReusableLeases: true,
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
    await this.hold(effectId, effectId);
    return acquisitionOf(effectId);
  }

  async find({ effectId, leaseId, signal }: EffectRequest): Promise<Acquisition | null> {
    await this.meanwhile('find', leaseId, signal);
    for (const folder of await readdir(this.root)) {
      if (folder !== 'made' && (await this.holderOf(folder)) === effectId) return acquisitionOf(folder);
    }
    return null;
  }

  async suspend({ leaseId, signal }: ReleaseRequest): Promise<void> {
    await this.meanwhile('suspend', leaseId, signal);
  }

  async resume({ from, leaseId, effectId, signal }: ResumeRequest): Promise<Acquisition | null> {
    await this.meanwhile('resume', leaseId, signal);
    const folder = String(from.teardown['folder']);
    if ((await this.holderOf(folder)) === null) return null;
    await this.hold(folder, effectId);
    return acquisitionOf(folder);
  }

  async release({ leaseId, teardown, signal }: ReleaseRequest): Promise<ReleaseOutcome> {
    await this.meanwhile('release', leaseId, signal);
    await rm(join(this.root, String(teardown['folder'])), { recursive: true, force: true });
    return 'cleaned';
  }

  private async hold(folder: string, effectId: string): Promise<void> {
    await writeFile(join(this.root, folder, 'holder'), effectId);
  }

  private async holderOf(folder: string): Promise<string | null> {
    return readFile(join(this.root, folder, 'holder'), 'utf8').catch(() => null);
  }

  execute(): Promise<ExecutionResult> {
    return Promise.reject(new DriverError('config', 'unsupported_operation', 'A folder runs nothing.', false));
  }

  executionTarget({ environmentId, leaseId }: HeldLease & { readonly environmentId: string }): ExecutionTarget {
    return { kind: 'remote', transport: 'sandbox', providerKey: this.provider, environmentId, leaseId };
  }
}

function acquisitionOf(folder: string): Acquisition {
  return { providerLeaseId: `folder://${folder}`, metadata: { folder }, teardown: { folder } };
}
