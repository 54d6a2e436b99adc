import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  Equals,
  IsBoolean,
  IsDefined,
  IsIn,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  MinLength,
  ValidateNested,
} from 'class-validator';
import { IsJsonObject, IsUuid, IsLine } from '../../../platform/http/index.js';
import {
  ADAPTER_TYPES,
  WORKSPACE_MODES,
  type AdapterType,
  type WorkspaceMode,
} from '../../../domain/leases/lease-names.js';
import type { JsonObject } from '../../../domain/leases/state.js';
import { SOURCE_KINDS, SOURCE_STRATEGIES } from '../realization.js';

const PATH_LENGTH = 4_096;
const COMMAND_LENGTH = 20_000;
const UUID = { type: 'string', format: 'uuid', nullable: true } as const;
const PATH = { type: 'string', nullable: true, maxLength: PATH_LENGTH, example: '/srv/work' } as const;
const TEXT = { type: 'string', nullable: true, maxLength: PATH_LENGTH } as const;
const COMMAND = { type: 'string', nullable: true, maxLength: COMMAND_LENGTH } as const;
/** A URL with a user's password or token in it. */
const WITHOUT_CREDENTIALS = /^(?![a-z][a-z0-9+.-]*:\/\/[^/]*:[^/]*@|https?:\/\/[^/]*@)/i;

export class WorkspaceSourceBody {
  @ApiProperty({ enum: SOURCE_KINDS })
  @IsIn(SOURCE_KINDS)
  kind!: (typeof SOURCE_KINDS)[number];

  @ApiPropertyOptional(PATH)
  @IsOptional()
  @IsString()
  @MaxLength(PATH_LENGTH)
  localPath?: string | null;

  @ApiPropertyOptional(UUID)
  @IsOptional()
  @IsUuid()
  projectId?: string | null;

  @ApiPropertyOptional(UUID)
  @IsOptional()
  @IsUuid()
  projectWorkspaceId?: string | null;

  @ApiPropertyOptional({ ...TEXT, description: 'Without credentials, because it is recorded.' })
  @IsOptional()
  @IsLine(PATH_LENGTH)
  @Matches(WITHOUT_CREDENTIALS, { message: '$property must not contain credentials' })
  repoUrl?: string | null;

  @ApiPropertyOptional(TEXT)
  @IsOptional()
  @IsLine(PATH_LENGTH)
  repoRef?: string | null;

  @ApiPropertyOptional({ enum: SOURCE_STRATEGIES, default: 'project_primary' })
  @IsOptional()
  @IsIn(SOURCE_STRATEGIES)
  strategy?: (typeof SOURCE_STRATEGIES)[number] | null;

  @ApiPropertyOptional(TEXT)
  @IsOptional()
  @IsLine(PATH_LENGTH)
  branchName?: string | null;

  @ApiPropertyOptional(PATH)
  @IsOptional()
  @IsString()
  @MaxLength(PATH_LENGTH)
  worktreePath?: string | null;
}

export class RuntimeOverlayBody {
  @ApiPropertyOptional({ ...COMMAND, description: '`sh` runs it in the workspace, once that exists. It is recorded.' })
  @IsOptional()
  @IsString()
  @MaxLength(COMMAND_LENGTH)
  provisionCommand?: string | null;

  @ApiPropertyOptional(COMMAND)
  @IsOptional()
  @IsString()
  @MaxLength(COMMAND_LENGTH)
  teardownCommand?: string | null;

  @ApiPropertyOptional(COMMAND)
  @IsOptional()
  @IsString()
  @MaxLength(COMMAND_LENGTH)
  cleanupCommand?: string | null;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true, nullable: true })
  @IsOptional()
  @IsJsonObject()
  workspaceRuntime?: JsonObject | null;
}

export class RealizeWorkspaceBody {
  @ApiProperty({ type: 'integer', enum: [1] })
  @Equals(1)
  version!: 1;

  @ApiPropertyOptional({ enum: ADAPTER_TYPES, nullable: true })
  @IsOptional()
  @IsIn(ADAPTER_TYPES)
  adapterType?: AdapterType | null;

  @ApiPropertyOptional({ ...UUID, description: 'If set, it must be the lease’s. So must the other ids.' })
  @IsOptional()
  @IsUuid()
  companyId?: string | null;

  @ApiPropertyOptional(UUID)
  @IsOptional()
  @IsUuid()
  environmentId?: string | null;

  @ApiPropertyOptional(UUID)
  @IsOptional()
  @IsUuid()
  executionWorkspaceId?: string | null;

  @ApiPropertyOptional(UUID)
  @IsOptional()
  @IsUuid()
  issueId?: string | null;

  @ApiPropertyOptional(UUID)
  @IsOptional()
  @IsUuid()
  heartbeatRunId?: string | null;

  @ApiPropertyOptional({ enum: WORKSPACE_MODES, nullable: true })
  @IsOptional()
  @IsIn(WORKSPACE_MODES)
  requestedMode?: WorkspaceMode | null;

  @ApiProperty({ type: WorkspaceSourceBody })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => WorkspaceSourceBody)
  source!: WorkspaceSourceBody;

  @ApiPropertyOptional({ type: RuntimeOverlayBody })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => RuntimeOverlayBody)
  runtimeOverlay?: RuntimeOverlayBody | null;
}

export class SyncInBody {
  @ApiPropertyOptional({
    ...PATH,
    description: 'A folder of the service’s machine, under LEASEHOLD_WORKSPACE_ROOTS. Not with an archive.',
  })
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(PATH_LENGTH)
  localPath?: string | null;

  @ApiPropertyOptional({
    type: 'boolean',
    default: false,
    description: 'For a git workspace: also files that git ignores.',
  })
  @IsOptional()
  @IsBoolean()
  includeIgnored?: boolean | null;

  @ApiPropertyOptional({
    type: 'boolean',
    default: false,
    description: 'Whether to remove files that this lease did not put there. With an archive: `?replace=true`.',
  })
  @IsOptional()
  @IsBoolean()
  replace?: boolean | null;
}

export class SyncInQuery {
  @ApiPropertyOptional({ enum: ['true', 'false'], description: 'For an archive, as `replace` of the body.' })
  @IsOptional()
  @IsIn(['true', 'false'])
  replace?: 'true' | 'false';
}

export class SyncOutBody {
  @ApiPropertyOptional({
    ...PATH,
    description:
      'A folder of the service’s machine, under LEASEHOLD_WORKSPACE_ROOTS. Absent: the answer is an archive.',
  })
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(PATH_LENGTH)
  localPath?: string | null;

  @ApiPropertyOptional({
    type: 'boolean',
    description: 'For a git workspace: also files that git ignores. Absent: as in the sync in.',
  })
  @IsOptional()
  @IsBoolean()
  includeIgnored?: boolean | null;

  @ApiPropertyOptional({
    type: 'boolean',
    default: false,
    description: 'For an archive: only what changed since the sync in, with a list in `.leasehold/changes.json`.',
  })
  @IsOptional()
  @IsBoolean()
  changesOnly?: boolean | null;
}
