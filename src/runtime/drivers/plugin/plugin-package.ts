import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { Ajv } from 'ajv';
import { ConfigError } from '../../../platform/config/config.js';
import type { JsonObject } from '../../../domain/driver-contract/runtime-driver.js';
import { endGroup, startNode } from './worker-process.js';

/** What of a manifest's driver counts here. */
export interface DeclaredDriver {
  readonly driverKey: string;
  readonly kind?: 'environment_driver' | 'sandbox_provider';
  readonly displayName: string;
  readonly description?: string;
  readonly supportsReusableLeases?: boolean;
  readonly sandboxCapabilities?: { readonly reusableLeases?: boolean };
  /** A JSON Schema; a text with the format `secret-ref` is stored as a secret. */
  readonly configSchema?: JsonObject;
}

interface Manifest extends JsonObject {
  readonly id: string;
  readonly apiVersion?: number;
  readonly environmentDrivers: readonly DeclaredDriver[];
}

export interface PluginPackage {
  /** The manifest's id, by which environments name the plugin. */
  readonly key: string;
  readonly folder: string;
  /** Absolute path of the worker's program. */
  readonly worker: string;
  readonly manifest: Manifest;
}

const KEY = { type: 'string', pattern: '^[a-z0-9._-]{1,100}$' };
const MANIFEST = {
  type: 'object',
  required: ['id', 'environmentDrivers'],
  properties: {
    id: KEY,
    apiVersion: { type: 'integer' },
    environmentDrivers: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['driverKey', 'displayName'],
        properties: {
          driverKey: KEY,
          kind: { enum: ['environment_driver', 'sandbox_provider'] },
          displayName: { type: 'string' },
          description: { type: 'string' },
          supportsReusableLeases: { type: 'boolean' },
          configSchema: { type: 'object' },
        },
      },
    },
  },
};

const MANIFEST_MS = 30_000;

/**
 * The plugin in a folder, or in a package that is installed where the service is started or beside the service.
 * @throws ConfigError that says what is wrong with it
 */
export async function findPlugin(name: string): Promise<PluginPackage> {
  const folder = folderOf(name);
  const wrong = (what: string): ConfigError => new ConfigError(`LEASEHOLD_PLUGINS: "${name}" ${what}`);
  if (folder === null) throw wrong('is neither a folder nor an installed package.');
  const { paperclipPlugin } = await packageJson(folder);
  const { manifest: manifestPath, worker } = paperclipPlugin ?? {};
  if (typeof manifestPath !== 'string' || typeof worker !== 'string') {
    throw wrong('has no paperclipPlugin { manifest, worker } in its package.json.');
  }
  for (const path of [manifestPath, worker]) {
    if (!existsSync(join(folder, path))) throw wrong(`has no ${path}: is it built?`);
  }
  const manifest = await readManifest(folder, join(folder, manifestPath)).catch((error: unknown) => {
    throw wrong(`has a manifest that cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  });
  // Compiled here, for services without plugins to start sooner.
  const isManifest = new Ajv({ strict: false }).compile<Manifest>(MANIFEST);
  if (!isManifest(manifest)) {
    const { instancePath, message } = isManifest.errors?.[0] ?? {};
    throw wrong(`has a manifest that cannot be used: ${instancePath ?? ''} ${message ?? ''}.`);
  }
  return { key: manifest.id, folder, worker: join(folder, worker), manifest };
}

function folderOf(name: string): string | null {
  const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isAbsolute(name) || name.startsWith('.')) return isFolder(name) ? resolve(name) : null;
  const bases = [join(process.cwd(), 'package.json'), import.meta.url];
  const places = bases.flatMap((base) => createRequire(base).resolve.paths(name) ?? []);
  const found = places.map((place) => join(place, name)).find((path) => existsSync(join(path, 'package.json')));
  return found ?? (isFolder(name) ? resolve(name) : null);
}

async function packageJson(folder: string): Promise<{ paperclipPlugin?: { manifest?: unknown; worker?: unknown } }> {
  try {
    return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as JsonObject;
  } catch {
    return {};
  }
}

/** A manifest is a program as a rule: it runs in a process of its own, as the worker does. */
async function readManifest(folder: string, path: string): Promise<unknown> {
  if (path.endsWith('.json')) return JSON.parse(await readFile(path, 'utf8')) as unknown;
  const url = JSON.stringify(pathToFileURL(path).href);
  // The last line: what the manifest prints itself comes before it.
  const program = `const { default: one, manifest } = await import(${url});
    process.stdout.write('\\n' + JSON.stringify(one?.default ?? one ?? manifest), () => process.exit(0));`;
  const child = startNode(['--input-type=module', '--eval', program], folder);
  const timer = setTimeout(() => endGroup(child), MANIFEST_MS);
  try {
    const ended = once(child, 'close');
    const [output, complaint] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    const last = output.trimEnd().split('\n').at(-1) ?? '';
    if (last === '') throw new Error(complaint.trim().split('\n').slice(-3).join(' ').slice(0, 500));
    return JSON.parse(last);
  } finally {
    clearTimeout(timer);
  }
}
