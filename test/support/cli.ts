import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { bareEnvironment } from './bare-environment.js';
import { useSecret } from './secrets-used.js';

export const CLI = join(import.meta.dirname, '..', '..', 'dist', 'bundle', 'leasehold.mjs');

/** Runs the built command line. @param settings environment variables of the service */
export async function leasehold(
  settings: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<{ code: number | null; out: string; err: string }> {
  const env = { ...bareEnvironment(), ...settings };
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  await once(child, 'close');
  const token = /lh_[\w-]{40,}/.exec(out)?.[0];
  if (token !== undefined) useSecret('token', token);
  return { code: child.exitCode, out, err };
}
