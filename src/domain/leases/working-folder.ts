import type { Lease } from './state.js';

/** Where a command of a lease runs: in its workspace, where that has been realized; else where its driver says. */
export function workingFolder({ workspaceRealization }: Lease, cwd: string | null): string | null {
  const remote = workspaceRealization?.['remote'];
  const path = typeof remote === 'object' && remote !== null && 'path' in remote ? remote.path : null;
  if (typeof path !== 'string' || cwd?.startsWith('/')) return cwd;
  return cwd === null ? path : `${path}/${cwd}`;
}
