/** Who sends a command, on behalf of which request, and under which idempotency key. */
export interface CommandContext {
  readonly actor: string;
  /** The id of the request that the command came with; every event that it leads to carries it. */
  readonly correlationId: string;
  /** The event that led to the command; absent for a caller's. */
  readonly causationId?: string;
  /** `fingerprint` tells the same command from another one under the same key. */
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null;
}
