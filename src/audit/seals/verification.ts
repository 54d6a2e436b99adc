import type { Seal } from './seal.js';

/** What a verification may find; the names are contracts. */
export const FINDING_KINDS = [
  'changed_event',
  'removed_event',
  'inserted_event',
  'reordered_event',
  'cut_tail',
  'changed_seal',
  'removed_seal',
  'broken_chain',
  'bad_signature',
  'rewritten_history',
  'incomplete_export',
  'unknown_token',
  'missing_token',
  'changed_token',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

export interface Finding {
  readonly kind: FindingKind;
  /** Where: the first position that it is about. */
  readonly position: number;
  /** The last one, where it is about several. */
  readonly toPosition: number;
  /** The number of the seal that it is about, or null. */
  readonly seal: number | null;
  /** A sentence for a person. */
  readonly detail: string;
}

export interface Verification {
  /** Nothing was found. */
  readonly ok: boolean;
  /** Events looked at, seals looked at. */
  readonly events: number;
  readonly seals: number;
  /** Of the events, those behind the last seal: nothing can be said of them yet. */
  readonly unsealedEvents: number;
  /** The last seal that was looked at: keep it, and later history cannot be rewritten before it unnoticed. */
  readonly head: Seal | null;
  /** By position, at most 1,000; those about tokens come last. */
  readonly findings: readonly Finding[];
  /** How many more there are. */
  readonly moreFindings: number;
}
