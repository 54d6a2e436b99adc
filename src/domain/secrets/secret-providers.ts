import type { Provider } from '@nestjs/common';
import { FINGERPRINT_KEY } from '../../event-sourcing/commands/fingerprint-key.js';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { SECRET_READER } from '../driver-contract/secret-reader.js';
import { EventLog } from '../../event-sourcing/event-log/index.js';
import { ConfigSecrets } from './config-secrets.js';
import { openFingerprintKey } from './fingerprint-key.js';
import { KeyRing } from './key-ring.js';
import { MasterKeyRotation } from './master-key-rotation.js';
import { SecretStore } from './secret-store.js';
import { hasSealed } from './secret-versions.js';
import { SecretVault } from './secret-vault.js';

/** What drivers, commands and the configs of environments need of secrets; they stand beside the log. */
export const SECRET_PROVIDERS: Provider[] = [
  {
    provide: KeyRing,
    useFactory: (config: Config, log: EventLog) => KeyRing.open(config, () => hasSealed(log.pool)),
    inject: [CONFIG, EventLog],
  },
  {
    provide: FINGERPRINT_KEY,
    useFactory: (log: EventLog, keys: KeyRing) => openFingerprintKey(log.pool, keys),
    inject: [EventLog, KeyRing],
  },
  SecretVault,
  { provide: SECRET_READER, useExisting: SecretVault },
  SecretStore,
  ConfigSecrets,
  MasterKeyRotation,
];

export const SECRET_EXPORTS = [SecretVault, SECRET_READER, SecretStore, ConfigSecrets];
