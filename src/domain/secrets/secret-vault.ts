import { Injectable } from '@nestjs/common';
import { DriverError } from '../driver-contract/driver-error.js';
import type { SecretReader, SecretRef } from '../driver-contract/secret-reader.js';
import { EventLog, isConnectionFailure } from '../../event-sourcing/event-log/index.js';
import { KeyRing } from './key-ring.js';
import type { Place } from './master-key.js';
import { findVersion, type SecretVersion } from './secret-versions.js';

/** Turns values into rows and back. Nothing that it opens is kept. */
@Injectable()
export class SecretVault implements SecretReader {
  constructor(
    private readonly log: EventLog,
    private readonly keys: KeyRing,
  ) {}

  seal(value: string, place: Place): SecretVersion {
    return { ...place, ...this.keys.current.seal(Buffer.from(value), place) };
  }

  async read(companyId: string, { secretId, version }: SecretRef): Promise<string> {
    const row = await findVersion(this.log.pool, companyId, secretId, version).catch((error: unknown) => {
      if (!isConnectionFailure(error)) throw error;
      throw new DriverError('transient', 'secret_unavailable', 'The database did not answer.', false, { cause: error });
    });
    if (row === null) throw unavailable(`The company has no secret ${secretId} in version ${version}.`);
    const key = await this.keys.named(row.keyId);
    if (key === null)
      throw unavailable(`The secret ${secretId} is sealed with a master key that this service does not have.`);
    try {
      return key.open(row, row).toString();
    } catch (error) {
      throw unavailable(`The stored value of secret ${secretId} was changed or moved.`, error);
    }
  }
}

function unavailable(message: string, cause?: unknown): DriverError {
  return new DriverError('config', 'secret_unavailable', message, false, { cause });
}
