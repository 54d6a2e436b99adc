import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { CommandRunner } from '../../event-sourcing/commands/command-runner.js';
import { StateStore, type Versioned } from '../../event-sourcing/commands/state-store.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import { EventLog, type StreamWrite } from '../../event-sourcing/event-log/index.js';
import { SECRET_CATEGORY, secretStream, type SecretEvent } from './events.js';
import { deleteVersions, insertVersion, type SecretVersion } from './secret-versions.js';
import { evolveSecret, initialSecret, type Secret, type SecretState } from './state.js';

/** Rows that come and go with an append: see `CommandPlan.alongside`. */
export interface RowChanges {
  readonly inserted: readonly SecretVersion[];
  /** Secrets that are deleted, with every version. */
  readonly deletedSecretIds: readonly string[];
}

/** Secrets as the log has them. */
@Injectable()
export class SecretStore {
  readonly secrets: StateStore<SecretState, SecretEvent>;

  constructor(
    log: EventLog,
    private readonly runner: CommandRunner,
  ) {
    this.secrets = new StateStore(log, { initial: initialSecret, evolve: evolveSecret });
  }

  current(secretId: string): Promise<Versioned<SecretState>> {
    return this.secrets.current(secretStream(secretId));
  }

  /** The company that a secret belongs or belonged to. @throws LeaseholdError secret_not_found */
  async companyOf(secretId: string): Promise<string> {
    const { state } = await this.secrets.asFarAsUnderstood(secretStream(secretId), false);
    if (state.kind === 'none') throw new LeaseholdError('secret_not_found', 'There is no secret with this id.');
    return state.secret.companyId;
  }

  /** The secret as it was at a position of the log, deleted or not. */
  async asOf(secretId: string, position: number): Promise<Secret> {
    const state = await this.secrets.asOf(secretStream(secretId), position);
    if (state.kind === 'none') throw new Error(`The secret ${secretId} is not in the log at ${position}.`);
    return state.secret;
  }

  write(secretId: string, expectedVersion: number, events: readonly SecretEvent[]): StreamWrite {
    return {
      stream: secretStream(secretId),
      expectedVersion,
      category: SECRET_CATEGORY,
      correlationKey: null,
      parent: null,
      open: !events.some((event) => event.type === 'SecretDeleted'),
      events: this.runner.stamp(events),
    };
  }

  /** Null where there is nothing to change, so that the append needs no transaction of its own. */
  alongside({ inserted, deletedSecretIds }: RowChanges): ((client: PoolClient) => Promise<void>) | null {
    if (inserted.length === 0 && deletedSecretIds.length === 0) return null;
    return async (client) => {
      for (const row of inserted) await insertVersion(client, row);
      if (deletedSecretIds.length > 0) await deleteVersions(client, deletedSecretIds);
    };
  }
}
