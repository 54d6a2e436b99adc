import { Command } from 'commander';
import { addAudit } from './audit.js';
import { addTarget } from './client.js';
import { addEnvironments } from './environments.js';
import { addEvents } from './feed.js';
import { addLeases } from './leases.js';
import { tell } from './output.js';
import type { Parts } from './parts.js';
import { addParked, addProjections } from './projections.js';
import { addReplay } from './replay.js';
import { addSecrets } from './secrets.js';
import { addTokens } from './tokens.js';

/** `leasehold` with all its commands. It throws CommanderError where commander would end the process. */
export function programOf(parts: Parts): Command {
  const program = new Command('leasehold').description('Operates a Leasehold service.').exitOverride();
  program.configureOutput({ writeErr: (text) => tell(text.trimEnd()) });
  addTarget(program);
  for (const add of [addLeases, addEnvironments, addEvents, addProjections, addParked, addAudit]) add(program, parts);
  addReplay(program, parts);
  addTokens(program, parts);
  addSecrets(program, parts);
  return program;
}
