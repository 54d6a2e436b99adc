import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import type { JsonObject } from '../../../domain/leases/state.js';
import { LeaseSides, type OpenLease } from '../lease-sides.js';
import type { LeaseSide } from '../lease-side.js';
import { movesWorkspaces } from '../must-move.js';
import { realizationRecord, type RealizationRequest } from '../realization.js';
import { MAKE_FOLDER, WHERE } from '../remote-scripts.js';

/** Makes the place of a lease's workspace and says what it is. */
export class RealizeWorkspace extends Command<{ readonly record: JsonObject; readonly position: number }> {
  constructor(
    readonly leaseId: string,
    readonly request: RealizationRequest,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RealizeWorkspace)
export class RealizeWorkspaceHandler implements ICommandHandler<RealizeWorkspace> {
  constructor(private readonly sides: LeaseSides) {}

  execute({ leaseId, request, context }: RealizeWorkspace): Promise<{ record: JsonObject; position: number }> {
    return this.sides.use(leaseId, context, 'workspace_realization_failed', async (open) => {
      const { lease, driver, held } = open;
      const target = driver.executionTarget({ ...held, environmentId: lease.terms.environmentId });
      const remotePath = await makeRemote(open, target['remoteCwd'], request);
      const record = realizationRecord(lease, driver, target, remotePath, request);
      return { event: { type: 'WorkspaceRealized', data: { record } }, result: { record } };
    });
  }
}

/** The folder on the lease's side; null where the caller works in its own. */
async function makeRemote(
  { driver, side, lease, held }: OpenLease,
  remoteCwd: unknown,
  { requestedMode, source: { localPath }, runtimeOverlay: { provisionCommand } }: RealizationRequest,
): Promise<string | null> {
  if (!movesWorkspaces(driver)) {
    if (provisionCommand === null || driver.driver === 'local') return null;
    throw new DriverError('config', 'unsupported_operation', `${driver.displayName} runs no commands.`, false);
  }
  const mode = requestedMode ?? lease.terms.executionWorkspaceMode;
  const own = (await driver.realizeWorkspace?.(held, { localPath, mode, signal: NEVER })) ?? null;
  const folder = (own ?? (await folderMade(side, remoteCwd))).trimEnd();
  if (provisionCommand !== null) await side.command(provisionCommand, folder);
  return folder;
}

const NEVER = new AbortController().signal;

function folderMade(side: LeaseSide, remoteCwd: unknown): Promise<string> {
  return typeof remoteCwd === 'string' ? side.text(MAKE_FOLDER, [remoteCwd], { cwd: '/' }) : side.text(WHERE, []);
}
