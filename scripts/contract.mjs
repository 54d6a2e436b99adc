import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runNode } from './run-child.mjs';
import { root } from './setup.mjs';

const USAGE = `npm run contract -- <folder or package> --driver <driverKey> [--as sandbox|plugin] [--config '<json>']

Runs the driver contract suite against a plugin, on both queues.
  --driver  the key of one of its environment drivers
  --as      the driver of Leasehold that it is used by; sandbox is for kind sandbox_provider (default: sandbox)
  --config  what its config schema asks for (default: {})`;

/** @returns what test/runtime/drivers/plugin/plugin-cases.ts reads; exits with the usage where it is not asked for rightly */
function wishOrExit() {
  try {
    const options = {
      driver: { type: 'string' },
      as: { type: 'string', default: 'sandbox' },
      config: { type: 'string', default: '{}' },
    };
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const [plugin] = positionals;
    if (!plugin || !values.driver || !['sandbox', 'plugin'].includes(values.as)) throw new Error('');
    const path = existsSync(plugin) ? resolve(plugin) : plugin;
    return { plugin: path, driverKey: values.driver, as: values.as, config: JSON.parse(values.config) };
  } catch (error) {
    console.error([error.message, USAGE].filter(Boolean).join('\n\n'));
    process.exit(2);
  }
}

const CONTRACT_PLUGIN = JSON.stringify(wishOrExit());
await runNode([join(root, 'scripts', 'test.mjs'), 'test/runtime/drivers/contract'], {
  cwd: root,
  env: { ...process.env, CONTRACT_PLUGIN },
});
