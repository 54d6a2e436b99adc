import { ConfigError, type Config } from '../../platform/config/config.js';
import { readKeyFile, readOrMakeKeyFile } from './key-file.js';
import { MasterKey } from './master-key.js';

type KeySettings = Pick<Config, 'secretsKey' | 'secretsKeyPrevious' | 'dataDir' | 'isReader'>;

/** The master keys that this process has: one seals, all open. */
export class KeyRing {
  private constructor(
    private readonly settings: KeySettings,
    private keys: readonly [MasterKey, ...MasterKey[]],
  ) {}

  /**
   * The key of the settings, else the newest of the key file, seals. The previous one of the settings and all of the key
   * file, if there is one, open too: so moving from the file to a setting, or back, is a rotation like any other.
   * @param hasSealed whether something in the database is sealed already, so that a new key would open nothing of it
   * @throws ConfigError when the key file cannot be used, or is gone
   */
  static async open(
    settings: KeySettings,
    hasSealed = (): Promise<boolean> => Promise.resolve(false),
  ): Promise<KeyRing> {
    const { secretsKey, dataDir, isReader } = settings;
    const isMissing = secretsKey === null && (await readKeyFile(dataDir)) === null;
    const makes = isMissing && isReader !== true && !(await hasSealed());
    // Read again: another process may have made it, and sealed something, meanwhile.
    const ofFile = makes ? await readOrMakeKeyFile(dataDir) : ((await readKeyFile(dataDir)) ?? []);
    if (secretsKey === null && ofFile.length === 0) {
      throw new ConfigError(
        `There is no secrets.key in ${dataDir}. Restore it from a backup, set LEASEHOLD_SECRETS_KEY to its key, or ` +
          'LEASEHOLD_DATA_DIR to the service’s data folder.',
      );
    }
    return new KeyRing(settings, keysOf(settings, ofFile));
  }

  /** What seals. */
  get current(): MasterKey {
    return this.keys[0];
  }

  /** Ids of the keys that only open. */
  get olderIds(): readonly string[] {
    return this.keys.slice(1).map((key) => key.id);
  }

  /** The key of this id. One that is not known may have come to the key file meanwhile, by another process. */
  async named(id: string): Promise<MasterKey | null> {
    const known = this.keys.find((key) => key.id === id);
    if (known) return known;
    const ofFile = await readKeyFile(this.settings.dataDir);
    // A file that has gone is not made again: what seals now would open nothing that there is.
    if (ofFile) this.keys = keysOf(this.settings, ofFile);
    return this.keys.find((key) => key.id === id) ?? null;
  }
}

function keysOf(
  { secretsKey, secretsKeyPrevious }: KeySettings,
  ofFile: readonly string[],
): readonly [MasterKey, ...MasterKey[]] {
  const [first, ...others] = [secretsKey, ...ofFile, secretsKeyPrevious].filter((key) => key !== null);
  if (first === undefined) throw new Error('There is no master key.');
  return [new MasterKey(first), ...others.filter((key) => key !== first).map((key) => new MasterKey(key))];
}
