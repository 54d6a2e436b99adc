import { readProgram } from '../../platform/programs/read-program.js';

/** Exit codes of these scripts, apart from those of the tools. */
export const EXITS = { toolMissing: 90, notEmpty: 91, noManifest: 92, inUse: 93 } as const;

/** Makes $1, the workspace, and says where it is. Not in the workspace: it may not be there yet. */
export const MAKE_FOLDER = 'mkdir -p -- "$1" && cd -- "$1" && pwd -P';

export const WHERE = 'pwd -P';

/** The programs that run on the lease's side: each file says what it does, and takes and prints; common.sh what it may rely on. */
export const PREPARE = readProgram(import.meta.dirname, 'lease-side/prepare.sh');
export const UNPACK = readProgram(import.meta.dirname, 'lease-side/unpack.sh');
export const RECEIVE_HISTORY = readProgram(import.meta.dirname, 'lease-side/receive-history.sh');
export const RECEIVE_NO_HISTORY = readProgram(import.meta.dirname, 'lease-side/receive-no-history.sh');
export const ADD_TO_GIT_FILE = readProgram(import.meta.dirname, 'lease-side/add-to-git-file.sh');
export const SETTLE_INDEX = readProgram(import.meta.dirname, 'lease-side/settle-index.sh');
export const UNSEE = readProgram(import.meta.dirname, 'lease-side/unsee.sh');
export const KEEP_MANIFEST = readProgram(import.meta.dirname, 'lease-side/keep-manifest.sh');
export const READ_MANIFEST = readProgram(import.meta.dirname, 'lease-side/read-manifest.sh');
export const DROP_MANIFESTS = readProgram(import.meta.dirname, 'lease-side/drop-manifests.sh');
export const PACK = readProgram(import.meta.dirname, 'lease-side/pack.sh');
export const READ_HEAD = readProgram(import.meta.dirname, 'lease-side/read-head.sh');
export const SEND_HISTORY = readProgram(import.meta.dirname, 'lease-side/send-history.sh');

/** The name of PACK's last entry. */
export function endMark(leaseId: string): string {
  return `./.leasehold/sync/${leaseId}/end`;
}
