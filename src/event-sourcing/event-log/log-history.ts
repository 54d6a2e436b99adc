import type { ClientBase } from 'pg';

/**
 * Whether the database still has the log that this process knows. After a restore, or a failover that lost the newest events,
 * positions are given again, and what is cached of the old ones is wrong.
 *
 * That cannot happen under an open connection, so each new connection is checked before anybody uses it.
 */
export class LogHistory {
  /** Raised with each other history: what was kept under an earlier number is to be forgotten. */
  epoch = 0;
  private highest = 0;
  private newest: { readonly position: number; readonly id: string } | null = null;
  private readonly listeners = new Set<() => void>();

  /** The log has, committed, an event at this position. */
  saw(position: number, id: string | null = null): void {
    this.highest = Math.max(this.highest, position);
    if (id !== null && position >= (this.newest?.position ?? 0)) this.newest = { position, id };
  }

  /** The highest position that is known to be in the log. */
  get reaches(): number {
    return this.highest;
  }

  /** @param before what it reached when the head was asked for */
  sawHead(head: number, before: number): void {
    if (head < before && before <= this.highest) this.forget();
    this.saw(head);
  }

  async check(client: ClientBase): Promise<void> {
    const { highest, newest, epoch } = this;
    if (highest === 0) return;
    const { rows } = await client.query<{ head: unknown; id: string | null }>(
      'SELECT (SELECT max(position) FROM events) AS head, (SELECT id FROM events WHERE position = $1) AS id',
      [newest?.position ?? 0],
    );
    const [found] = rows;
    const isSame = Number(found?.head ?? 0) >= highest && (newest === null || found?.id === newest.id);
    if (!isSame && epoch === this.epoch) this.forget();
  }

  /** Calls back at once when the log is found to have another history. */
  onAnother(listener: () => void): void {
    this.listeners.add(listener);
  }

  private forget(): void {
    this.epoch += 1;
    this.highest = 0;
    this.newest = null;
    for (const listener of this.listeners) listener();
  }
}
