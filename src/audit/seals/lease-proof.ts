import type { Pool } from 'pg';
import { LeaseholdError } from '../../errors/catalogue.js';
import { leaseStream } from '../../domain/leases/events.js';
import { readStreamLines } from './entries.js';
import { eventOf, isOpen, leafOf, positionOf } from './event-line.js';
import { auditPath } from './merkle-tree.js';
import { sealsCovering } from './seal-table.js';
import type { LeaseProof, ProvenEvent } from './verify-proof.js';
import type { SealKeys } from './seal-keys.js';

/**
 * All events of a lease with what proves that they are in the sealed log.
 * @param seesConfig whether its reader may see what was made of the environment's config; of such events there is the hash otherwise
 * @throws LeaseholdError lease_not_found
 */
export async function proveLease(
  pool: Pool,
  keys: SealKeys,
  leaseId: string,
  seesConfig: boolean,
): Promise<LeaseProof> {
  const lines = await readStreamLines(pool, leaseStream(leaseId));
  if (lines.length === 0) throw new LeaseholdError('lease_not_found', 'There is no lease with this id.');
  const seals = await sealsCovering(pool, lines.map(positionOf));
  const events = lines.map((line): ProvenEvent => {
    const position = positionOf(line);
    const covering = seals.find(({ seal }) => seal.fromPosition <= position && position <= seal.toPosition);
    const event = seesConfig || isOpen(line) ? eventOf(line) : null;
    const proof = covering && {
      seal: covering.seal.number,
      path: auditPath(covering.leaves, position - covering.seal.fromPosition).map((hash) => hash.toString('hex')),
    };
    return { position, event, leafHash: leafOf(line).toString('hex'), proof: proof ?? null };
  });
  return { leaseId, events, seals: seals.map(({ seal }) => seal), publicKeys: keys.publicKeys() };
}
