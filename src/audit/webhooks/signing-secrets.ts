import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { PoolClient } from 'pg';
import { DriverError } from '../../domain/driver-contract/driver-error.js';
import { deleteVersionsBut, deleteVersions, insertVersion } from '../../domain/secrets/secret-versions.js';
import { SecretVault } from '../../domain/secrets/secret-vault.js';
import type { Webhook } from './state.js';

/** Of the 24 to 64 that Standard Webhooks allows. */
const BYTES = 32;
/** A version never gets another value, so that what is kept may be deleted but is never wrong. */
const KEPT_MS = 60_000;

type Owner = Pick<Webhook, 'id' | 'companyId'>;

/**
 * What signs deliveries. The values are sealed rows of `secret_versions` under the webhook's id, so that a new master key
 * reseals them too; no config can refer to them, as there is no secret with that id.
 */
@Injectable()
export class SigningSecrets {
  private readonly kept = new LRUCache<string, string>({ max: 1_000, ttl: KEPT_MS });

  constructor(private readonly vault: SecretVault) {}

  /** A new value, as Standard Webhooks writes it. */
  make(): string {
    return `whsec_${randomBytes(BYTES).toString('base64')}`;
  }

  async insert(client: PoolClient, { id, companyId }: Owner, version: number, value: string): Promise<void> {
    await insertVersion(client, this.vault.seal(value, { companyId, secretId: id, version }));
  }

  async deleteBut(client: PoolClient, { id }: Owner, versions: readonly number[]): Promise<void> {
    await deleteVersionsBut(client, id, versions);
  }

  async deleteAll(client: PoolClient, { id }: Owner): Promise<void> {
    await deleteVersions(client, [id]);
  }

  /** What it takes to sign with a version. @throws DriverError secret_unavailable */
  async open(owner: Owner, version: number): Promise<string> {
    const key = `${owner.id}|${version}`;
    const value = this.kept.get(key) ?? (await this.read(owner, version));
    this.kept.set(key, value, { noUpdateTTL: true });
    return value;
  }

  /** As the database has it; null once it has been deleted. */
  async find(owner: Owner, version: number): Promise<string | null> {
    return this.read(owner, version).catch((error: unknown) => {
      if (error instanceof DriverError && error.failureClass === 'config') return null;
      throw error;
    });
  }

  private read({ id, companyId }: Owner, version: number): Promise<string> {
    return this.vault.read(companyId, { type: 'secret_ref', secretId: id, version });
  }
}
