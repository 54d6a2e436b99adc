import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Connection } from './database.js';

/** Where a service may have left something. */
export interface Places {
  /** Null where there was none. */
  readonly connection: Connection | null;
  /** Null where the service had none. */
  readonly dataDir: string | null;
  /** Null where the queue was in Postgres. */
  readonly redis: { dump(): Promise<string> } | null;
  /** What the services logged, by the name of each. */
  readonly logs: Readonly<Record<string, string>>;
}

export interface Find {
  readonly secret: string;
  /** How it was written there. */
  readonly form: string;
  readonly place: string;
}

/** Sealed by design; every other column of every table is searched. */
const SEALED = "- '{nonce,ciphertext}'::text[]";

/**
 * Looks for secrets as they are, escaped, in base64, in hex, and for each longer line of them: a part of a private key is
 * a private key.
 * @param secrets by a name that may be shown
 */
export async function scanForSecrets(secrets: Readonly<Record<string, string>>, places: Places): Promise<Find[]> {
  const needles = Object.entries(secrets).flatMap(([secret, value]) =>
    Object.entries(formsOf(value)).map(([form, bytes]) => ({ secret, form, bytes })),
  );
  const finds: Find[] = [];
  const search = (place: string, content: Buffer): void => {
    const found = needles.filter(({ bytes }) => content.includes(bytes));
    finds.push(...found.map(({ secret, form }) => ({ secret, form, place })));
  };
  for (const [name, log] of Object.entries(places.logs)) search(`log ${name}`, Buffer.from(log));
  if (places.redis) search('Redis', Buffer.from(await places.redis.dump(), 'latin1'));
  if (places.dataDir !== null) await searchFolder(places.dataDir, search);
  if (places.connection !== null) await searchDatabase(places.connection, search);
  return finds;
}

/** @throws Error for a value that is too short to be told from other text. */
function formsOf(value: string): Record<string, Buffer> {
  if (value.length < MIN_LENGTH) throw new Error(`A secret of ${value.length} characters cannot be looked for.`);
  const lines = value.split(/\r?\n/).filter((line) => line.length >= MIN_LENGTH && !line.startsWith('-----'));
  const forms: Record<string, Buffer> = {};
  for (const [name, text] of [['all of it', value], ...lines.map((line, index) => [`line ${index + 1}`, line])]) {
    const bytes = Buffer.from(text ?? '');
    forms[name ?? ''] = bytes;
    forms[`${name}, escaped`] = Buffer.from(JSON.stringify(text).slice(1, -1));
    forms[`${name}, in hex`] = Buffer.from(bytes.toString('hex'));
    // Within something longer it begins at one of three places of a group; the groups that it shares are left out.
    for (const before of [0, 1, 2]) {
      const shifted = Buffer.concat([
        Buffer.alloc(before),
        bytes.subarray(0, bytes.length - ((bytes.length + before) % 3)),
      ]);
      const inner = shifted.toString('base64').slice(before === 0 ? 0 : 4);
      forms[`${name}, in base64 after ${before}`] = Buffer.from(inner);
      forms[`${name}, in base64url after ${before}`] = Buffer.from(inner.replaceAll('+', '-').replaceAll('/', '_'));
    }
  }
  return forms;
}

const MIN_LENGTH = 12;

async function searchFolder(folder: string, search: (place: string, content: Buffer) => void): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    search(`name of ${path}`, Buffer.from(entry.name));
    if (!entry.isFile()) continue;
    // A running Postgres removes files of its own at any time.
    const content = await readFile(path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    });
    if (content) search(`file ${path}`, content);
  }
}

async function searchDatabase(connection: Connection, search: (place: string, content: Buffer) => void): Promise<void> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string; sealed: boolean }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name, tablename = 'secret_versions' AS sealed FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`,
    );
    for (const { name, sealed } of tables) {
      const row = `to_jsonb(t) ${sealed ? SEALED : ''}`;
      const { rows } = await client.query<{ text: string }>(`SELECT (${row})::text AS text FROM ${name} t`);
      search(`table ${name}`, Buffer.from(rows.map(({ text }) => text).join('\n')));
    }
  } finally {
    await client.end();
  }
}
