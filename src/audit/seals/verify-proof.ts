import { entryOf, type EventText } from './entry.js';
import { leafHash, rootOfPath } from './merkle-tree.js';
import { signatureProblem, type Seal, type TrustedKeys } from './seal.js';
import type { Finding } from './verification.js';

export interface ProvenEvent {
  readonly position: number;
  /** Its JSON, to the letter; null for a reader who may not see all of it: then the proof is about its hash alone. */
  readonly event: EventText | null;
  /** Of a 0 byte and of what `entryOf` makes of the event, hex. */
  readonly leafHash: string;
  /** The number of the seal, and the hashes that lead from the leaf to the seal's root (hex); null: not sealed yet. */
  readonly proof: { readonly seal: number; readonly path: readonly string[] } | null;
}

/** That the events of a lease are in the log as it was sealed (RFC 9162, 2.1.3). */
export interface LeaseProof {
  readonly leaseId: string;
  readonly events: readonly ProvenEvent[];
  readonly seals: readonly Seal[];
  /** For convenience: who does not trust the service takes them from somewhere else. */
  readonly publicKeys: readonly { readonly keyId: string; readonly publicKey: string }[];
}

/** What is wrong with a proof; nothing when it holds. Events that are not sealed yet are passed over. */
export function verifyProof({ events, seals }: LeaseProof, trusted: TrustedKeys): Finding[] {
  const byNumber = new Map(seals.map((seal) => [seal.number, seal]));
  const signatures = seals.flatMap((seal): Finding[] => {
    const detail = signatureProblem(seal, trusted);
    const { number, fromPosition: position, toPosition } = seal;
    return detail === null ? [] : [{ kind: 'bad_signature', position, toPosition, seal: number, detail }];
  });
  const changes = events.flatMap(({ position, event, leafHash: hash, proof }): Finding[] => {
    if (!proof) return [];
    const at = { position, toPosition: position, seal: proof.seal };
    const seal = byNumber.get(proof.seal);
    if (!seal) return [{ ...at, kind: 'removed_seal', detail: `The proof has no seal ${proof.seal}.` }];
    const { fromPosition, toPosition } = seal;
    const path = proof.path.map((hash) => Buffer.from(hash, 'hex'));
    const leaf = event === null ? Buffer.from(hash, 'hex') : leafHash(entryOf(event));
    const root = rootOfPath(leaf, position - fromPosition, toPosition - fromPosition + 1, path);
    if (root?.toString('hex') === seal.treeRoot) return [];
    return [
      { ...at, kind: 'changed_event', detail: `Event ${position}, as given here, is not in seal ${proof.seal}.` },
    ];
  });
  return [...signatures, ...changes];
}
