import { Injectable } from '@nestjs/common';
import { valueAt, withValueAt } from '../driver-contract/config-path.js';
import { DriverRegistry } from '../driver-contract/driver-registry.js';
import type { JsonObject, RuntimeDriver } from '../driver-contract/runtime-driver.js';
import type { SecretRef } from '../driver-contract/secret-reader.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import { EventLog } from '../../event-sourcing/event-log/index.js';
import { newId } from '../../event-sourcing/ids/new-id.js';
import { belongsTo, createSecret, secretOf } from './decide.js';
import { SecretChanges, type SecretPlan } from './secret-changes.js';
import { parseSecretRef, secretIdsIn } from './secret-refs.js';
import { SecretStore } from './secret-store.js';
import { SecretVault } from './secret-vault.js';

const NAME_LENGTH = 200;
const VALUE_LENGTH = 65_536;

/** Whose config it is. */
export interface ConfigOwner {
  readonly companyId: string;
  readonly environmentId: string;
  /** The environment's stream, whose children are its leases. */
  readonly stream: string;
  /** The config that is stored now; null for a new environment. */
  readonly before: JsonObject | null;
}

/** A config that an environment is to have, with values still in the driver's secret fields. */
export interface ConfigWish extends ConfigOwner {
  /** What its secrets are named after. */
  readonly environmentName: string;
  readonly driver: RuntimeDriver['driver'];
  readonly config: JsonObject;
}

/** Changes that are recorded together with the environment's own events. */
export interface ConfigSecretPlan extends SecretPlan {
  /** Whether secrets go that leases of this environment may need: it must not have any then. */
  readonly childless: boolean;
}

export interface ConfigPlan extends ConfigSecretPlan {
  /** Completed and validated by its driver, and without any value. */
  readonly config: JsonObject;
}

/** Keeps the values in configs of environments as secrets, and the secrets as long as a config needs them. */
@Injectable()
export class ConfigSecrets {
  constructor(
    private readonly log: EventLog,
    private readonly drivers: DriverRegistry,
    private readonly store: SecretStore,
    private readonly vault: SecretVault,
  ) {}

  /** @throws LeaseholdError validation_failed, unsupported_environment, driver_unavailable */
  async planConfig(wish: ConfigWish): Promise<ConfigPlan> {
    const { driver } = wish;
    const { secretFields } = this.drivers.forConfig(driver, wish.config);
    const values = new Map(secretFields.map((field) => [field, valueIn(wish.config, field)]));
    let given: JsonObject = { ...wish.config };
    for (const [field, value] of values) if (value !== null) given = withValueAt(given, refField(field), null);
    let config = { ...(await this.drivers.validConfig(driver, given, wish.companyId)) };
    const changes = new SecretChanges(this.store);
    for (const [field, value] of values) {
      const ref =
        value !== null
          ? await this.keep(wish, field, value, changes)
          : await this.requireUsable(wish, field, config, changes);
      if (ref !== undefined) config = withValueAt(config, refField(field), ref);
      // A place that it has not, such as one within an object that is null, is not made.
      if (valueAt(config, field) !== undefined) config = withValueAt(config, field, null);
    }
    const childless = await this.deleteLeftBehind(wish, config, changes);
    return { config, childless, ...changes.plan() };
  }

  /** For a config that is only tried out: what it refers to is a secret of the company. @throws LeaseholdError validation_failed */
  async requireUsableRefs(companyId: string, driver: RuntimeDriver['driver'], config: JsonObject): Promise<void> {
    const changes = new SecretChanges(this.store);
    const { secretFields } = this.drivers.forConfig(driver, config);
    for (const field of secretFields) await this.usable(companyId, field, config, changes);
  }

  /** For an environment that is deleted: its leases are finished, so the secrets that were made for it go too. */
  async planRemoval(owner: ConfigOwner): Promise<ConfigSecretPlan> {
    const changes = new SecretChanges(this.store);
    const childless = await this.deleteLeftBehind(owner, {}, changes);
    return { childless, ...changes.plan() };
  }

  /** Stores a value: as a new version of the field's own secret, else as a new secret. */
  private async keep(wish: ConfigWish, field: string, value: string, changes: SecretChanges): Promise<SecretRef> {
    const { companyId, environmentId, environmentName, before } = wish;
    const sent = parseSecretRef(valueAt(wish.config, refField(field)));
    const present = parseSecretRef(before && valueAt(before, refField(field)));
    if (sent !== null && sent.secretId !== present?.secretId) {
      throw invalid(field, `must not be given together with a ${refField(field)}`);
    }
    const current = sent && (await changes.basis(sent.secretId));
    const own = current && secretOf(companyId, current.state);
    if (own?.madeFor?.field === field && belongsTo(environmentId, own)) {
      const version = own.latestVersion + 1;
      changes.add(own.id, [{ type: 'SecretRotated', data: { version } }]);
      changes.insert(this.vault.seal(value, { companyId, secretId: own.id, version }));
      return { type: 'secret_ref', secretId: own.id, version: 'latest' };
    }
    const secretId = newId();
    const name = `${environmentName}: ${field}`.slice(0, NAME_LENGTH);
    await changes.basis(secretId);
    changes.add(secretId, createSecret(name, { environmentId, field }));
    changes.insert(this.vault.seal(value, { companyId, secretId, version: 1 }));
    return { type: 'secret_ref', secretId, version: 'latest' };
  }

  /**
   * A reference must lead to a secret of the company; one that begins here is recorded with the secret.
   * @returns what is stored of it; undefined where there is none
   */
  private async requireUsable(
    { companyId, environmentId, before }: ConfigWish,
    field: string,
    config: JsonObject,
    changes: SecretChanges,
  ): Promise<SecretRef | undefined> {
    const ref = await this.usable(companyId, field, config, changes);
    if (ref !== undefined && !secretIdsIn(before).has(ref.secretId)) {
      changes.add(ref.secretId, [{ type: 'SecretReferenced', data: { environmentId } }]);
    }
    return ref;
  }

  /** What a config refers to in a field; undefined where it refers to nothing. */
  private async usable(
    companyId: string,
    field: string,
    config: JsonObject,
    changes: SecretChanges,
  ): Promise<SecretRef | undefined> {
    const sent = valueAt(config, refField(field));
    if (sent === undefined || sent === null) return undefined;
    const ref = parseSecretRef(sent);
    if (ref === null) throw invalid(refField(field), 'must be a secret_ref with a secretId and a version');
    const secret = secretOf(companyId, (await changes.basis(ref.secretId)).state);
    if (secret === null) throw invalid(refField(field), 'must refer to a secret of this company');
    if (ref.version !== 'latest' && ref.version > secret.latestVersion) {
      throw invalid(refField(field), `must refer to a version up to ${secret.latestVersion}`);
    }
    return ref;
  }

  /**
   * Deletes what was made for a config that no longer refers to it and that nobody else has referred to, unless a lease
   * may still need it: then it stays, and is in the list of secrets.
   * @returns whether something is deleted
   */
  private async deleteLeftBehind(
    { companyId, environmentId, stream, before }: ConfigOwner,
    after: JsonObject,
    changes: SecretChanges,
  ): Promise<boolean> {
    const kept = secretIdsIn(after);
    const left = [...secretIdsIn(before)].filter((secretId) => !kept.has(secretId));
    if (left.length === 0 || (await this.log.read.openChildren(stream)).length > 0) return false;
    let deleted = false;
    for (const secretId of left) {
      const secret = secretOf(companyId, (await changes.basis(secretId)).state);
      if (secret === null || !belongsTo(environmentId, secret)) continue;
      changes.add(secretId, [{ type: 'SecretDeleted', data: {} }]);
      deleted = true;
    }
    return deleted;
  }
}

function refField(field: string): string {
  return `${field}SecretRef`;
}

/** The value that a config brings; null where it brings none, as a stored config does. */
function valueIn(config: JsonObject, field: string): string | null {
  const value = valueAt(config, field);
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string' || value === '') throw invalid(field, 'must be a non-empty string');
  if (value.length > VALUE_LENGTH) throw invalid(field, `must be at most ${VALUE_LENGTH} characters long`);
  return value;
}

function invalid(field: string, message: string): LeaseholdError {
  return new LeaseholdError('validation_failed', 'The config’s secrets are not valid.', {
    errors: [{ field: `config.${field}`, message }],
  });
}
