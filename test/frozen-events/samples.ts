import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { EventDefinition } from '../../src/event-sourcing/event-log/event-catalogue.js';

const FOLDER = new URL('./', import.meta.url);

/** Names of the JSON files here, in their order. */
export function sampleFiles(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .sort();
}

/**
 * The files that these events must have: of every version that was ever written an event as the log stores it, and of
 * every version but the newest also what its data must become when it is read now.
 */
export function expectedFiles(definitions: readonly EventDefinition[]): string[] {
  return definitions
    .flatMap(({ type, schemaVersion }) =>
      Array.from({ length: schemaVersion }, (_, index) => index + 1).flatMap((version) =>
        version < schemaVersion ? [sampleFile(type, version), decodedFile(type, version)] : [sampleFile(type, version)],
      ),
    )
    .sort();
}

export function sampleFile(type: string, version: number): string {
  return `${type}.v${version}.json`;
}

export function decodedFile(type: string, version: number): string {
  return `${type}.v${version}.decoded.json`;
}

export function readJson(file: string): unknown {
  return JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'));
}

/** SHA-256 of what a file says, however it is indented. */
export function seal(file: string): string {
  return createHash('sha256')
    .update(JSON.stringify(readJson(file)))
    .digest('hex');
}
