import { Alignment, type Difference } from './alignment.js';
import type { KeptSeals } from './kept-seals.js';
import type { Leaves } from './leaves.js';
import { HASH_BYTES, treeRoot } from './merkle-tree.js';
import { NO_SEAL_HASH, sealHash, signatureProblem, type Seal, type SealWithLeaves, type TrustedKeys } from './seal.js';
import type { Finding, FindingKind, Verification } from './verification.js';

const MOST_FINDINGS = 1_000;

export interface HistoryCheckOptions {
  readonly trusted: TrustedKeys;
  /** Seals that were kept elsewhere: those of the log have to be the same. */
  readonly kept: readonly KeptSeals[];
  /** The seal before the first one that is looked at; null before the first of all. */
  readonly previous: Seal | null;
  /** The position before the first event that is looked at. */
  readonly after: number;
}

/** Checks seals, and the events against them, as both come: seals before the events that they are about. */
export class HistoryCheck {
  private readonly alignment: Alignment;
  private readonly findings: Finding[] = [];
  private more = 0;
  private last: Seal | null;
  private sealed: number;
  private events = 0;
  private seals = 0;
  private sealsEnded = false;
  private rewritten = false;

  constructor(private readonly options: HistoryCheckOptions) {
    this.alignment = new Alignment(options.after);
    this.last = options.previous;
    this.sealed = options.after;
  }

  /** The last position that a seal has spoken of. */
  get sealedTo(): number {
    return this.sealed;
  }

  async addSeal({ seal, leaves }: SealWithLeaves): Promise<void> {
    this.seals += 1;
    this.checkChain(seal);
    const problem = signatureProblem(seal, this.options.trusted);
    if (problem !== null) this.found('bad_signature', seal, problem);
    await this.checkLeaves(seal, leaves);
    for (const kept of this.options.kept) this.checkKept(seal, await kept.numbered(seal.number));
    this.last = seal;
  }

  addEvents({ positions, leaves }: Leaves): void {
    for (let from = 0, to = 1; to <= positions.length; to += 1) {
      const [last = 0, next] = [positions[to - 1], positions[to]];
      if (next === last + 1) continue;
      this.alignment.addActual(positions[from] ?? 0, leaves.subarray(from * HASH_BYTES, to * HASH_BYTES));
      from = to;
    }
    this.events += positions.length;
    this.alignment.advance({ sealed: this.sealsEnded, actual: false });
  }

  endSeals(): void {
    this.sealsEnded = true;
  }

  addFinding(finding: Finding): void {
    if (this.findings.length < MOST_FINDINGS) this.findings.push(finding);
    else this.more += 1;
  }

  /** @param toHead whether what was looked at is all that there is up to the head of the log */
  async end(toHead: boolean): Promise<Verification> {
    this.alignment.advance({ sealed: true, actual: true });
    const { cutFrom, lastPosition } = this.alignment;
    if (cutFrom !== null) this.cutTail(cutFrom, this.sealed);
    if (toHead) for (const kept of this.options.kept) this.checkKeptHead(await kept.last(), lastPosition);
    for (const difference of this.alignment.differences()) this.addFinding(findingOf(difference));
    return {
      ok: this.findings.length === 0,
      // Short of the head, those behind the last seal were looked at only to see where it ends.
      events: toHead ? this.events : this.events - this.alignment.unsealed,
      seals: this.seals,
      unsealedEvents: toHead ? this.alignment.unsealed : 0,
      head: this.last,
      findings: this.findings.toSorted((a, b) => a.position - b.position),
      moreFindings: this.more + this.alignment.more,
    };
  }

  private checkChain(seal: Seal): void {
    const { last } = this;
    const expected = (last?.number ?? 0) + 1;
    if (seal.number > expected) {
      const [position, toPosition] = [this.sealed + 1, seal.fromPosition - 1];
      const which =
        seal.number - 1 > expected ? `The seals ${expected} to ${seal.number - 1} are` : `Seal ${expected} is`;
      const detail = `${which} missing: the events ${position} to ${toPosition} cannot be checked.`;
      this.addFinding({ kind: 'removed_seal', position, toPosition, seal: expected, detail });
      this.alignment.addUncovered(position, toPosition);
      return;
    }
    if (seal.previousSealHash !== (last ? sealHash(last) : NO_SEAL_HASH)) {
      this.found('broken_chain', seal, `Seal ${seal.number} does not continue the seal before it.`);
    } else if (seal.fromPosition !== (last?.toPosition ?? 0) + 1) {
      this.found('broken_chain', seal, `Seal ${seal.number} does not begin where the one before it ends.`);
    }
  }

  private async checkLeaves(seal: Seal, leaves: Buffer): Promise<void> {
    const { number, fromPosition, toPosition, treeRoot: root } = seal;
    const size = toPosition - fromPosition + 1;
    const fits = size > 0 && leaves.length === size * HASH_BYTES;
    if (!fits || (await treeRoot(leaves)).toString('hex') !== root) {
      const detail = `The hashes beside seal ${number} do not lead to its root: the seal was changed, or an event together with its hash.`;
      this.found('changed_seal', seal, detail);
    }
    // Where the seal's own range cannot be right, its events are looked for behind those before it.
    const first = fits && fromPosition > this.sealed ? fromPosition : this.sealed + 1;
    const count = Math.floor(leaves.length / HASH_BYTES);
    if (count > 0) this.alignment.addSealed(first, leaves.subarray(0, count * HASH_BYTES));
    this.sealed = first + count - 1;
  }

  private checkKept(seal: Seal, kept: Seal | null): void {
    if (!kept || this.rewritten || sealHash(kept) === sealHash(seal)) return;
    this.rewritten = true;
    this.found('rewritten_history', seal, `Seal ${seal.number} differs from the kept one.`);
  }

  private checkKeptHead(kept: Seal | null, head: number): void {
    if (!kept) return;
    const problem = signatureProblem(kept, this.options.trusted);
    if (problem !== null) this.found('bad_signature', kept, `Kept seals: ${problem}`);
    const seal = (this.last?.number ?? 0) + 1;
    if (kept.number < seal) return;
    const [position, toPosition] = [this.sealed + 1, kept.toPosition];
    const detail = `The seals ${seal} to ${kept.number} are missing, although seal ${kept.number} was kept.`;
    this.addFinding({ kind: 'removed_seal', position, toPosition, seal, detail });
    if (kept.toPosition > head) this.cutTail(head + 1, kept.toPosition);
  }

  private cutTail(position: number, toPosition: number): void {
    const detail = `The sealed events ${position} to ${toPosition} are missing: the log ends before them.`;
    this.addFinding({ kind: 'cut_tail', position, toPosition, seal: null, detail });
  }

  private found(kind: FindingKind, { number, fromPosition, toPosition }: Seal, detail: string): void {
    this.addFinding({ kind, position: fromPosition, toPosition, seal: number, detail });
  }
}

function findingOf(difference: Difference): Finding {
  const { position } = difference;
  const at = { position, toPosition: position, seal: null };
  switch (difference.kind) {
    case 'changed':
      return { ...at, kind: 'changed_event', detail: `Event ${position} was changed after it was sealed.` };
    case 'removed':
      return { ...at, kind: 'removed_event', detail: `The sealed event ${position} is missing.` };
    case 'inserted':
      return { ...at, kind: 'inserted_event', detail: `Event ${position} was added after the log was sealed there.` };
    case 'moved':
      return {
        ...at,
        kind: 'reordered_event',
        detail: `The event sealed at ${position} is now at ${difference.to}.`,
      };
  }
}
