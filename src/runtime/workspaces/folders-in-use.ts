import { Injectable } from '@nestjs/common';
import { LeaseholdError } from '../../errors/catalogue.js';
import { isWithin } from './workspace-roots.js';

interface Use {
  readonly path: string;
  readonly writes: boolean;
}

/** The folders of this machine that workspaces go to or come from at the moment. While one is written to, no other sync uses it, or one around or in it. */
@Injectable()
export class FoldersInUse {
  private readonly uses = new Set<Use>();

  /** @param path without symlinks @throws LeaseholdError sync_in_progress */
  async during<Result>(path: string, how: 'reads' | 'writes', work: () => Promise<Result>): Promise<Result> {
    const use: Use = { path, writes: how === 'writes' };
    for (const other of this.uses) {
      const meets = isWithin(path, other.path) || isWithin(other.path, path);
      if (meets && (use.writes || other.writes)) {
        throw new LeaseholdError('sync_in_progress', 'Another sync uses the folder, or a folder above or below it.');
      }
    }
    this.uses.add(use);
    try {
      return await work();
    } finally {
      this.uses.delete(use);
    }
  }
}
