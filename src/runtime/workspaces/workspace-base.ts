import type { EventLog } from '../../event-sourcing/event-log/index.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import { leaseStream } from '../../domain/leases/events.js';
import { writeTo } from './flow.js';
import type { LeaseSide } from './lease-side.js';
import { manifestDigest, manifestText, parseManifest, type Manifest } from './manifest.js';
import { DROP_MANIFESTS, KEEP_MANIFEST, READ_MANIFEST } from './remote-scripts.js';

const MAX_MANIFEST_BYTES = 512 * 1024 * 1024;

/** What a workspace was when it was sent, as the log knows it: what comes back is compared with it. */
export interface WorkspaceBase {
  readonly strategy: 'git' | 'archive';
  /** Digest of the manifest that is kept on the lease's side. */
  readonly manifest: string;
  /** Of a git workspace that has a commit. */
  readonly head: string | null;
  readonly branch: string | null;
  /** Where it came from on the service's machine; null for an archive that was sent. */
  readonly source: string | null;
  readonly includeIgnored: boolean;
}

/** The base that counts now; null when nothing was ever sent. */
export async function baseOf(log: EventLog, leaseId: string): Promise<WorkspaceBase | null> {
  let newest: WorkspaceBase | null = null;
  for await (const { type, data } of log.read.stream(leaseStream(leaseId))) {
    if (type !== 'WorkspaceSynced') continue;
    newest = (data as { readonly summary: { readonly base?: WorkspaceBase } }).summary.base ?? newest;
  }
  return newest;
}

/** Keeps a manifest on the lease's side, beside the one that counts. @returns its digest */
export async function keepManifest(side: LeaseSide, leaseId: string, manifest: Manifest): Promise<string> {
  const digest = manifestDigest(manifestText(manifest));
  await side.send(KEEP_MANIFEST, [leaseId, digest], async (input) => {
    for (const piece of manifestText(manifest)) await writeTo(input, Buffer.from(piece));
  });
  return digest;
}

/** @throws LeaseholdError workspace_changed when it is not there, or not as it was written; DriverError */
export async function readManifest(side: LeaseSide, leaseId: string, base: WorkspaceBase): Promise<Manifest> {
  const text = await side.text(READ_MANIFEST, [leaseId, base.manifest], { limit: MAX_MANIFEST_BYTES });
  if (manifestDigest([text]) === base.manifest) return parseManifest(text);
  throw new LeaseholdError('workspace_changed', 'The record of the sync in was changed.');
}

/** Removes the manifests that do not count any more. What is left is only in the way of nobody. */
export async function dropOthers(side: LeaseSide, leaseId: string, { manifest }: WorkspaceBase): Promise<void> {
  await side.runScript(DROP_MANIFESTS, [leaseId, manifest]).catch(() => undefined);
}
