import { ApiProperty } from '@nestjs/swagger';
import { LEASE_EXAMPLE, LeaseAnswer } from '../../../domain/leases/http/lease-answers.js';
import type { JsonObject } from '../../../domain/leases/state.js';
import type { SyncInResult } from '../commands/sync-workspace-in.js';
import type { SyncOutResult } from '../commands/sync-workspace-out.js';
import { CONFLICT_KINDS, type ConflictKind } from '../decide.js';
import {
  COMMIT_OUTCOMES,
  KEPT_REASONS,
  type CommitOutcome,
  type Conflict,
  type KeptReason,
  type LeftOut,
  type ReturnedCommits,
} from '../sync-names.js';

const TEXT_OR_NULL = { type: 'string', nullable: true } as const;
const STRATEGY = { enum: ['git', 'archive'] } as const;

export class RealizedWorkspaceAnswer {
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'As in the lease’s metadata.' })
  workspaceRealization!: JsonObject;
  @ApiProperty({ type: LeaseAnswer }) lease!: LeaseAnswer;
  @ApiProperty({ description: 'Log position of the command’s last event.' }) position!: number;
}

export class LeftOutAnswer implements LeftOut {
  @ApiProperty() path!: string;
  @ApiProperty() why!: string;
}

export class SyncInSummaryAnswer {
  @ApiProperty(STRATEGY) strategy!: 'git' | 'archive';
  @ApiProperty() files!: number;
  @ApiProperty() symlinks!: number;
  @ApiProperty() bytes!: number;
  @ApiProperty({ ...TEXT_OR_NULL, description: 'The commit that was checked out.' }) head!: string | null;
  @ApiProperty(TEXT_OR_NULL) branch!: string | null;
}

export class SyncInAnswer implements SyncInResult {
  @ApiProperty({ type: SyncInSummaryAnswer }) summary!: SyncInSummaryAnswer;
  @ApiProperty({ type: [LeftOutAnswer], description: 'What was not copied.' }) leftOut!: LeftOutAnswer[];
  @ApiProperty() position!: number;
}

export class ConflictAnswer implements Conflict {
  @ApiProperty() path!: string;
  @ApiProperty({ enum: CONFLICT_KINDS }) kind!: ConflictKind;
}

export class ReturnedCommitsAnswer implements ReturnedCommits {
  @ApiProperty({ enum: COMMIT_OUTCOMES }) outcome!: CommitOutcome;
  @ApiProperty() commit!: string;
  @ApiProperty({ ...TEXT_OR_NULL, description: 'Keeps the commits in the local repository.' }) ref!: string | null;
  @ApiProperty({ enum: KEPT_REASONS, nullable: true, description: 'Why the branch was not moved.' })
  reason!: KeptReason | null;
}

export class SyncOutSummaryAnswer {
  @ApiProperty(STRATEGY) strategy!: 'git' | 'archive';
  @ApiProperty() added!: number;
  @ApiProperty() changed!: number;
  @ApiProperty() deleted!: number;
  @ApiProperty() bytes!: number;
  @ApiProperty() conflicts!: number;
}

export class SyncOutAnswer implements SyncOutResult {
  @ApiProperty({ type: SyncOutSummaryAnswer }) summary!: SyncOutSummaryAnswer;
  @ApiProperty({ type: [ConflictAnswer], description: 'Changed on both sides. The local version was kept.' })
  conflicts!: ConflictAnswer[];
  @ApiProperty({ type: [LeftOutAnswer] }) leftOut!: LeftOutAnswer[];
  @ApiProperty({ type: ReturnedCommitsAnswer, nullable: true }) commits!: ReturnedCommitsAnswer | null;
  @ApiProperty() position!: number;
}

const RECORD_EXAMPLE = {
  version: 1,
  transport: 'ssh',
  provider: null,
  environmentId: LEASE_EXAMPLE.environmentId,
  leaseId: LEASE_EXAMPLE.id,
  providerLeaseId: 'ssh://ci@build-1:22/srv/work',
  local: { path: '/home/ci/project', source: 'project_primary', strategy: 'project_primary' },
  remote: { path: '/srv/work', host: 'build-1', port: 22, username: 'ci', sandboxId: null },
  sync: { strategy: 'ssh_git_import_export', prepare: 'sync-in', syncBack: 'sync-out' },
  bootstrap: { command: 'npm ci' },
  rebuild: { mode: null, repoUrl: null, repoRef: null, localPath: '/home/ci/project', remotePath: '/srv/work' },
  summary: 'The workspace is at /srv/work (ssh).',
};

export const REALIZED_EXAMPLE = {
  workspaceRealization: RECORD_EXAMPLE,
  lease: { ...LEASE_EXAMPLE, metadata: { ...LEASE_EXAMPLE.metadata, workspaceRealization: RECORD_EXAMPLE } },
  position: 815,
};

const COMMIT = '5f0c1de7a9a4a3f0e6f8b7f5f5b0a9f3c2d1e0f9';

export const SYNCED_IN_EXAMPLE: SyncInAnswer = {
  summary: { strategy: 'git', files: 214, symlinks: 2, bytes: 1_204_331, head: COMMIT, branch: 'main' },
  leftOut: [],
  position: 816,
};

export const SYNCED_OUT_EXAMPLE: SyncOutAnswer = {
  summary: { strategy: 'git', added: 1, changed: 3, deleted: 0, bytes: 8_122, conflicts: 1 },
  conflicts: [{ path: 'README.md', kind: 'changed_on_both_sides' }],
  leftOut: [],
  commits: { outcome: 'kept', commit: COMMIT, ref: `refs/leasehold/${LEASE_EXAMPLE.id}`, reason: 'conflicts' },
  position: 821,
};
