import type { Command } from 'commander';
import type { Config } from '../platform/config/config.js';
import { replaceMasterKey, type Replacement } from '../domain/secrets/replace-master-key.js';
import { onLog } from './on-log.js';
import { show } from './output.js';
import type { Parts } from './parts.js';

const HELP = `
Where the key is in secrets.key in the data folder, a new one is made and added to that file. Where it is in
LEASEHOLD_SECRETS_KEY, set that to the new key and LEASEHOLD_SECRETS_KEY_PREVIOUS to the old one, then run this.
Services may run meanwhile; start them again afterwards, so that they seal by the new key too.
Interrupted, it loses nothing: run it again, with --resume to make no other key.`;

export function addSecrets(program: Command, parts: Parts): void {
  program
    .command('secrets')
    .description('Stored values that configs refer to.')
    .command('rotate-master-key')
    .description('Have every secret sealed by a new master key')
    .option('--resume', 'go on with a rotation that was interrupted: make no other key')
    .option('--json', 'answer in JSON')
    .addHelpText('after', HELP)
    .action(async (options: { readonly resume?: boolean; readonly json?: boolean }, command: Command) => {
      const { databaseUrl } = command.optsWithGlobals<{ readonly databaseUrl?: string }>();
      const [done, text] = await onLog(parts, { databaseUrl, makes: false }, async (log, config) => {
        const replacement = await replaceMasterKey(log.pool, config, options.resume === true);
        return [replacement, replaced(replacement, config)] as const;
      });
      show(done, options.json === true, () => text);
    });
}

function replaced({ keyId, sealed, olderKeyIds }: Replacement, { secretsKey }: Config): string {
  const older = olderKeyIds.join(', ') || 'none';
  const rest =
    secretsKey === null
      ? 'Start the services again. Back up secrets.key in the data folder; older keys stay in it.'
      : 'Start the services with the same LEASEHOLD_SECRETS_KEY; LEASEHOLD_SECRETS_KEY_PREVIOUS is not needed any more.';
  return `Every secret is sealed by the master key ${keyId} (${sealed} just now). Not used any more: ${older}.\n${rest}`;
}
