import type { PoolClient } from 'pg';
import type { Versioned } from '../../event-sourcing/commands/state-store.js';
import type { StreamWrite } from '../../event-sourcing/event-log/index.js';
import type { SecretEvent } from './events.js';
import type { SecretStore } from './secret-store.js';
import type { SecretVersion } from './secret-versions.js';
import type { SecretState } from './state.js';

/** Changes of secrets: writes for an append, and work in the same transaction. */
export interface SecretPlan {
  readonly writes: readonly StreamWrite[];
  readonly alongside: ((client: PoolClient) => Promise<void>) | null;
}

/** Gathers what one command changes about secrets: an append may name each stream once. */
export class SecretChanges {
  private readonly bases = new Map<string, Versioned<SecretState>>();
  private readonly events = new Map<string, SecretEvent[]>();
  private readonly inserted: SecretVersion[] = [];

  constructor(private readonly store: SecretStore) {}

  /** A secret as the log has it; asked for before anything is added to it. */
  async basis(secretId: string): Promise<Versioned<SecretState>> {
    const basis = this.bases.get(secretId) ?? (await this.store.current(secretId));
    this.bases.set(secretId, basis);
    return basis;
  }

  add(secretId: string, events: readonly SecretEvent[]): void {
    this.events.set(secretId, [...(this.events.get(secretId) ?? []), ...events]);
  }

  insert(row: SecretVersion): void {
    this.inserted.push(row);
  }

  plan(): SecretPlan {
    const all = [...this.events];
    const deleted = all.filter(([, events]) => events.some((event) => event.type === 'SecretDeleted'));
    return {
      writes: all.map(([secretId, events]) => {
        const basis = this.bases.get(secretId);
        if (!basis) throw new Error(`The secret ${secretId} was not looked at.`);
        return this.store.write(secretId, basis.version, events);
      }),
      alongside: this.store.alongside({
        inserted: this.inserted,
        deletedSecretIds: deleted.map(([secretId]) => secretId),
      }),
    };
  }
}
