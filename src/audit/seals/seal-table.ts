import type { Queryable } from '../../event-sourcing/event-log/index.js';
import type { Seal, SealWithLeaves } from './seal.js';

interface Row {
  number: number;
  fromPosition: number;
  toPosition: number;
  treeRoot: Buffer;
  previousSealHash: Buffer;
  sealedAt: string;
  keyId: string;
  signature: Buffer;
}
type RowWithLeaves = Row & { leaves: Buffer };

const COLUMNS = `number, from_position AS "fromPosition", to_position AS "toPosition", tree_root AS "treeRoot",
  previous_seal_hash AS "previousSealHash", sealed_at AS "sealedAt", key_id AS "keyId", signature`;

/** Seals with their leaves are 32 KB. */
const PAGE_WITH_LEAVES = 16;

export async function lastSeal(on: Queryable): Promise<Seal | null> {
  const { rows } = await on.query<Row>(`SELECT ${COLUMNS} FROM seals ORDER BY number DESC LIMIT 1`);
  return rows[0] ? sealOf(rows[0]) : null;
}

/** The newest of those with a lower number. */
export async function sealBefore(on: Queryable, number: number): Promise<Seal | null> {
  const { rows } = await on.query<Row>(`SELECT ${COLUMNS} FROM seals WHERE number < $1 ORDER BY number DESC LIMIT 1`, [
    number,
  ]);
  return rows[0] ? sealOf(rows[0]) : null;
}

/** The number of the first seal that reaches a position; null when none does. */
export async function firstSealTo(on: Queryable, position: number): Promise<number | null> {
  const { rows } = await on.query<{ number: number | null }>(
    'SELECT min(number) AS number FROM seals WHERE to_position >= $1',
    [position],
  );
  return rows[0]?.number ?? null;
}

export async function sealsAfter(on: Queryable, number: number, limit: number): Promise<Seal[]> {
  const { rows } = await on.query<Row>(`SELECT ${COLUMNS} FROM seals WHERE number > $1 ORDER BY number LIMIT $2`, [
    number,
    limit,
  ]);
  return rows.map(sealOf);
}

/** In the order of their numbers, as far as they begin before a position or at it. */
export async function* sealsWithLeaves(
  on: Queryable,
  fromNumber: number,
  toNumber: number,
  upTo: number,
): AsyncGenerator<SealWithLeaves> {
  for (let next = fromNumber; ;) {
    const { rows } = await on.query<RowWithLeaves>({
      name: 'seals_with_leaves',
      text: `SELECT ${COLUMNS}, leaves FROM seals WHERE number BETWEEN $1 AND $2 AND from_position <= $3
        ORDER BY number LIMIT $4`,
      values: [next, toNumber, upTo, PAGE_WITH_LEAVES],
    });
    for (const row of rows) yield { seal: sealOf(row), leaves: row.leaves };
    const last = rows.at(-1);
    if (!last || rows.length < PAGE_WITH_LEAVES) return;
    next = last.number + 1;
  }
}

/** Those whose range one of the positions is in. */
export async function sealsCovering(on: Queryable, positions: readonly number[]): Promise<SealWithLeaves[]> {
  const { rows } = await on.query<RowWithLeaves>(
    `SELECT ${COLUMNS}, leaves FROM seals WHERE number IN (
       SELECT s.number FROM unnest($1::bigint[]) AS p(position) CROSS JOIN LATERAL (
         SELECT number FROM seals WHERE to_position >= p.position AND from_position <= p.position
          ORDER BY to_position LIMIT 1) s)
     ORDER BY number`,
    [positions],
  );
  return rows.map((row) => ({ seal: sealOf(row), leaves: row.leaves }));
}

/** Fails where there is a seal of this number already. */
export async function insertSeal(on: Queryable, { seal, leaves }: SealWithLeaves): Promise<void> {
  await on.query('INSERT INTO seals VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
    seal.number,
    seal.fromPosition,
    seal.toPosition,
    Buffer.from(seal.treeRoot, 'hex'),
    Buffer.from(seal.previousSealHash, 'hex'),
    seal.sealedAt,
    seal.keyId,
    Buffer.from(seal.signature, 'base64'),
    leaves,
  ]);
}

function sealOf({
  number,
  fromPosition,
  toPosition,
  treeRoot,
  previousSealHash,
  sealedAt,
  keyId,
  signature,
}: Row): Seal {
  return {
    number,
    fromPosition,
    toPosition,
    treeRoot: treeRoot.toString('hex'),
    previousSealHash: previousSealHash.toString('hex'),
    sealedAt,
    keyId,
    signature: signature.toString('base64'),
  };
}
