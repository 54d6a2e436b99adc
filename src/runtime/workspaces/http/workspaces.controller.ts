import type { IncomingMessage } from 'node:http';
import { Body, Controller, HttpCode, Post, Query, Res, StreamableFile } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { LeaseholdError } from '../../../errors/catalogue.js';
import {
  ApiAnswer,
  ApiProblems,
  ApiRequest,
  Archive,
  Context,
  From,
  Requires,
  TAKES_ARCHIVE,
  UuidParam,
  type Caller,
} from '../../../platform/http/index.js';
import { leaseJson } from '../../../domain/leases/lease-json.js';
import { LeaseStore } from '../../../domain/leases/lease-store.js';
import { PackWorkspaceOut } from '../commands/pack-workspace-out.js';
import { RealizeWorkspace } from '../commands/realize-workspace.js';
import { SyncWorkspaceIn, type LocalFolder, type SyncInWish } from '../commands/sync-workspace-in.js';
import { SyncWorkspaceOut } from '../commands/sync-workspace-out.js';
import { mustBeOf, realizationRequest } from './realization-request.js';
import {
  REALIZED_EXAMPLE,
  RealizedWorkspaceAnswer,
  SYNCED_IN_EXAMPLE,
  SYNCED_OUT_EXAMPLE,
  SyncInAnswer,
  SyncOutAnswer,
} from './workspace-answers.js';
import { RealizeWorkspaceBody, SyncInBody, SyncInQuery, SyncOutBody } from './workspace-bodies.js';

const OF_ANY_WORKSPACE = [
  'lease_not_found',
  'lease_not_active',
  'unsupported_operation',
  'stale_fence',
  'sandbox_elsewhere',
  'sync_in_progress',
  'version_conflict',
  'idempotency_key_reused',
] as const;
const OF_ANY_SYNC = [
  'local_path_not_allowed',
  'repository_unusable',
  'workspace_changed',
  'archive_too_large',
  'storage_full',
  'storage_unavailable',
  'workspace_sync_failed',
  ...OF_ANY_WORKSPACE,
] as const;

@ApiTags('leases')
@Controller('api/environment-leases/:leaseId')
export class WorkspacesController {
  constructor(
    private readonly commands: CommandBus,
    private readonly leases: LeaseStore,
  ) {}

  @Post('realize-workspace')
  @HttpCode(200)
  @Requires('leases:operate', 'lease')
  @ApiOperation({
    summary: 'Create the workspace of a lease',
    description: 'Creates its folder, runs `provisionCommand` in it, and records it in the lease’s metadata.',
  })
  @ApiRequest(RealizeWorkspaceBody, {
    project: {
      summary: 'A project’s folder',
      value: {
        version: 1,
        source: { kind: 'project_primary', localPath: '/home/ci/project' },
        runtimeOverlay: { provisionCommand: 'npm ci' },
      },
    },
  })
  @ApiAnswer({ status: 200, description: 'It is there.', type: RealizedWorkspaceAnswer, example: REALIZED_EXAMPLE })
  @ApiProblems('workspace_realization_failed', ...OF_ANY_WORKSPACE)
  async realize(
    @UuidParam('leaseId') leaseId: string,
    @Body() body: RealizeWorkspaceBody,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RealizedWorkspaceAnswer> {
    mustBeOf(body, (await this.leases.current(leaseId)).state);
    const command = new RealizeWorkspace(leaseId, realizationRequest(body), context);
    const { record, position } = await this.commands.execute(command);
    void reply.header('X-Event-Position', position);
    const lease = leaseJson(await this.leases.asOf(leaseId, position));
    return { workspaceRealization: record, lease, position };
  }

  @Post('sync-in')
  @HttpCode(200)
  @RouteConfig(TAKES_ARCHIVE)
  @Requires('leases:operate', 'lease')
  @ApiOperation({
    summary: 'Sync a workspace into a lease',
    description:
      'From `localPath`, or from a tar archive as the body (`Content-Type: application/x-tar`). The lease’s workspace then equals the source. A git workspace is sent with its history, branch, deletions and untracked files, without files that git ignores. No entry of an archive may lead out of it.',
  })
  @ApiRequest(SyncInBody, { folder: { summary: 'A folder', value: { localPath: '/srv/work/project' } } })
  @ApiAnswer({ status: 200, description: 'It is there.', type: SyncInAnswer, example: SYNCED_IN_EXAMPLE })
  @ApiProblems('workspace_not_empty', 'workspace_in_use', 'invalid_archive', ...OF_ANY_SYNC)
  async syncIn(
    @UuidParam('leaseId') leaseId: string,
    @Body() body: SyncInBody,
    @Query() query: SyncInQuery,
    @Archive() archive: IncomingMessage | null,
    @From() caller: Caller,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SyncInAnswer> {
    const wish = syncInWish(body, query, archive, caller);
    const command = new SyncWorkspaceIn(leaseId, wish, archive ? withLength(context, archive) : context);
    const { summary, leftOut, position } = await this.commands.execute(command).finally(() => archive?.resume());
    void reply.header('X-Event-Position', position);
    return { summary, leftOut: [...leftOut], position };
  }

  @Post('sync-out')
  @HttpCode(200)
  @Requires('leases:operate', 'lease')
  @ApiOperation({
    summary: 'Sync a workspace out of a lease',
    description:
      'Into `localPath`, or, without one, as a tar archive (`application/x-tar`, with `X-Sync-Summary`). Only changes since the sync in come back. If a file changed on both sides, the local version stays and `conflicts` lists it; the archive has the lease’s version. Commits come back under `ref`. The branch moves to them if that loses nothing.',
  })
  @ApiRequest(SyncOutBody, {
    folder: { summary: 'Into a folder', value: { localPath: '/srv/work/project' } },
    archive: { summary: 'An archive of the changes', value: { changesOnly: true } },
  })
  @ApiAnswer({ status: 200, description: 'The changes were copied.', type: SyncOutAnswer, example: SYNCED_OUT_EXAMPLE })
  @ApiProblems('invalid_archive', ...OF_ANY_SYNC)
  async syncOut(
    @UuidParam('leaseId') leaseId: string,
    @Body() { localPath, includeIgnored = null, changesOnly }: SyncOutBody,
    @From() caller: Caller,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SyncOutAnswer | StreamableFile> {
    if (localPath == null) {
      const command = new PackWorkspaceOut(leaseId, changesOnly ?? false, includeIgnored, context);
      const { summary, position, archive } = await this.commands.execute(command);
      void reply.header('X-Event-Position', position).header('X-Sync-Summary', JSON.stringify(summary));
      const stream = archive.spool.read(archive.file);
      stream.once('close', () => void archive.spool.close());
      return new StreamableFile(stream, { type: 'application/x-tar' });
    }
    const command = new SyncWorkspaceOut(leaseId, folderOf(localPath, caller), includeIgnored, context);
    const { summary, conflicts, leftOut, commits, position } = await this.commands.execute(command);
    void reply.header('X-Event-Position', position);
    return { summary, conflicts: [...conflicts], leftOut: [...leftOut], commits, position };
  }
}

/** @throws LeaseholdError validation_failed */
function syncInWish(body: SyncInBody, query: SyncInQuery, archive: IncomingMessage | null, caller: Caller): SyncInWish {
  const { localPath, includeIgnored } = body;
  if (archive) return { from: { archive }, includeIgnored: false, replace: query.replace === 'true' };
  if (localPath != null)
    return {
      from: folderOf(localPath, caller),
      includeIgnored: includeIgnored ?? false,
      replace: body.replace ?? false,
    };
  throw new LeaseholdError('validation_failed', 'There is nothing to send.', {
    errors: [{ field: 'localPath', message: 'must be a path, or the body an application/x-tar archive' }],
  });
}

function folderOf(localPath: string, { companies }: Caller): LocalFolder {
  return { localPath, ofEveryCompany: companies === null };
}

/** Another archive under the same key is noticed by its length alone: it is gone before a digest of it could be compared. */
function withLength(context: CommandContext, archive: IncomingMessage): CommandContext {
  const { idempotency } = context;
  if (!idempotency) return context;
  const fingerprint = `${idempotency.fingerprint}:${archive.headers['content-length'] ?? 'chunked'}`;
  return { ...context, idempotency: { ...idempotency, fingerprint } };
}
