import type { Command } from 'commander';
import type { Config } from '../platform/config/config.js';
import { replaceMasterKey, type Replacement } from '../domain/secrets/replace-master-key.js';
import { onLog } from './on-log.js';
import { show } from './output.js';
import type { Parts } from './parts.js';

const HELP = `
If the key is in secrets.key in the data folder, this adds a new key to that file. If the key is in LEASEHOLD_SECRETS_KEY, first
set that to the new key and LEASEHOLD_SECRETS_KEY_PREVIOUS to the old one. Services may run meanwhile; restart them afterwards,
so that they use the new key too. After an interruption nothing is lost: run it again with --resume.`;

export function addSecrets(program: Command, parts: Parts): void {
  program
    .command('secrets')
    .description('Stored values that configs refer to.')
    .command('rotate-master-key')
    .description('Seal every secret with a new master key')
    .option('--resume', 'continue an interrupted rotation, without creating another key')
    .option('--json', 'print JSON')
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
      ? 'Restart the services. Back up secrets.key in the data folder; it keeps the older keys.'
      : 'Start the services with the same LEASEHOLD_SECRETS_KEY; LEASEHOLD_SECRETS_KEY_PREVIOUS is no longer needed.';
  return `Every secret is sealed with the master key ${keyId} (${sealed} just now). No longer used: ${older}.\n${rest}`;
}
