import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { tokenDifferences } from '../../domain/access/token-differences.js';
import { EventLog } from '../../event-sourcing/event-log/index.js';
import { exportLog } from './export-log.js';
import { KeptSeals, sealsOfLines } from './kept-seals.js';
import { proveLease } from './lease-proof.js';
import { lastSeal } from './seal-table.js';
import { sealHash, type Seal } from './seal.js';
import { SealKeys, type PublicKeyJson } from './seal-keys.js';
import type { Finding, Verification } from './verification.js';
import { verifyLog } from './verify-log.js';
import type { LeaseProof } from './verify-proof.js';

export interface AuditHead {
  /** The newest seal; null before the first. */
  readonly seal: Seal | null;
  /** Its hash, hex: what the next one is chained to. */
  readonly sealHash: string | null;
  /** The position of the newest event. */
  readonly position: number;
  /** Events that wait for a seal. */
  readonly unsealedEvents: number;
  readonly publicKeys: readonly PublicKeyJson[];
}

export interface VerifyRange {
  readonly from: number | null;
  readonly to: number | null;
  /** A seal that was kept by whoever asks, or null. */
  readonly knownHead: Seal | null;
}

/** What auditors ask of the sealed log. */
@Injectable()
export class AuditTrail {
  constructor(
    private readonly log: EventLog,
    private readonly keys: SealKeys,
    @Inject(CONFIG) private readonly config: Pick<Config, 'sealsFile'>,
  ) {}

  async head(): Promise<AuditHead> {
    const seal = await lastSeal(this.log.pool);
    const position = await this.log.read.head();
    return {
      seal,
      sealHash: seal && sealHash(seal),
      position,
      unsealedEvents: Math.max(0, position - (seal?.toPosition ?? 0)),
      publicKeys: this.keys.publicKeys(),
    };
  }

  /** Also against the file of seals, where this process writes one; and tokens against their events. */
  async verify({ from, to, knownHead }: VerifyRange): Promise<Verification> {
    const { sealsFile } = this.config;
    const kept = [
      ...(knownHead ? [new KeptSeals([knownHead])] : []),
      ...(sealsFile === null ? [] : [keptInFile(sealsFile)]),
    ];
    const verified = await verifyLog(this.log.pool, { from, to, trusted: this.keys.trusted, kept });
    // Whoever writes the database makes a token by a row; the log says who made the others.
    const head = verified.head?.toPosition ?? 0;
    const tokens = (await tokenDifferences(this.log.pool)).map(({ kind, position, detail }): Finding => {
      const at = position ?? head;
      return { kind, position: at, toPosition: at, seal: null, detail };
    });
    return { ...verified, ok: verified.ok && tokens.length === 0, findings: [...verified.findings, ...tokens] };
  }

  export(from: number | null, to: number | null, seesConfig: boolean): AsyncGenerator<string> {
    return exportLog(this.log.pool, from, to, seesConfig);
  }

  /** @throws LeaseholdError lease_not_found */
  prove(leaseId: string, seesConfig: boolean): Promise<LeaseProof> {
    return proveLease(this.log.pool, this.keys, leaseId, seesConfig);
  }
}

/** The seals of a file, read as far as they are asked for. */
function keptInFile(path: string): KeptSeals {
  return new KeptSeals(sealsOfLines(linesOf(path)));
}

/** Opened when the first line is read: lines that come before that are lost, and their end with them. */
async function* linesOf(path: string): AsyncGenerator<string> {
  // Before the first seal there is no file.
  if (!existsSync(path)) return;
  yield* createInterface({ input: createReadStream(path), crlfDelay: Infinity });
}
