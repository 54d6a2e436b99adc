import { mkdir, readdir, rm, stat, writeFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { DriverError } from '../../../src/domain/driver-contract/driver-error.js';
import type {
  Acquisition,
  EffectRequest,
  ReleaseOutcome,
  ReleaseRequest,
} from '../../../src/domain/driver-contract/runtime-driver.js';
import { FolderDriver } from '../../support/folder-driver.js';

/** A provider that makes another sandbox at each call, and lists each only some time after it was made. */
export class LateLists extends FolderDriver {
  /** Of the next acquire, that makes its sandbox and then says nothing of it. */
  loseNext = false;
  readonly settling;

  constructor(
    private readonly folders: string,
    private readonly lateMs: number,
  ) {
    super(folders);
    this.settling = { ms: 2 * lateMs, findAll: (request: EffectRequest) => this.listed(request) };
  }

  override async acquire({ effectId }: EffectRequest): Promise<Acquisition> {
    const folder = randomUUID();
    await mkdir(join(this.folders, folder));
    await writeFile(join(this.folders, folder, 'effect'), effectId);
    if (!this.loseNext) return acquisition(folder);
    this.loseNext = false;
    throw new DriverError('transient', 'connection_lost', 'The answer was lost.', true);
  }

  override async find(request: EffectRequest): Promise<Acquisition | null> {
    return (await this.listed(request))[0] ?? null;
  }

  override async release({ teardown }: ReleaseRequest): Promise<ReleaseOutcome> {
    await rm(join(this.folders, String(teardown['folder'])), { recursive: true, force: true });
    return 'cleaned';
  }

  private async listed({ effectId }: EffectRequest): Promise<Acquisition[]> {
    const names = await readdir(this.folders);
    const shown = await Promise.all(
      names.map(async (name) => {
        const file = join(this.folders, name, 'effect');
        const { mtimeMs } = await stat(file);
        return Date.now() - mtimeMs >= this.lateMs && (await readFile(file, 'utf8')) === effectId;
      }),
    );
    return names.filter((_name, index) => shown[index]).map(acquisition);
  }
}

function acquisition(folder: string): Acquisition {
  return { providerLeaseId: `folder://${folder}`, metadata: { folder }, teardown: { folder } };
}
