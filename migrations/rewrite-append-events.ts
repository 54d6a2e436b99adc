import type { QueryRunner } from 'typeorm';

/** Changes statements of `append_events`, whose text stands in the migration that made it. */
export async function rewriteAppendEvents(
  runner: QueryRunner,
  ...changes: [from: string, to: string][]
): Promise<void> {
  const rows = (await runner.query(`SELECT pg_get_functiondef('append_events'::regproc) AS text`)) as {
    text: string;
  }[];
  let text = rows[0]?.text ?? '';
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`append_events does not have: ${from}`);
    text = text.replace(from, to);
  }
  await runner.query(text);
}
