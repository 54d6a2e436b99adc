import { join } from 'node:path';

export const FAKE_PLUGIN = join(import.meta.dirname, 'fake-plugin');
export const ROGUE_PLUGIN = join(import.meta.dirname, 'rogue-plugin');
