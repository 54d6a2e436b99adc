import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readConfig } from '../../src/platform/config/config.js';
import { SETTINGS, type Setting } from '../../src/platform/config/settings.js';
import { errorsPage, settingsPage } from './reference-pages.js';

const REFERENCE = join(import.meta.dirname, '..', '..', 'docs', 'reference');
/** As for test/cli/documented. */
const WRITES = process.env['LEASEHOLD_WRITE_DOCS'] === 'yes';

const settings = Object.values(SETTINGS).flatMap((group) => Object.entries<Setting>(group));

test.each([
  ['settings.md', settingsPage],
  ['errors.md', errorsPage],
])('docs/reference/%s is what the code says', async (name, page) => {
  if (WRITES) await writeFile(join(REFERENCE, name), await page());
  expect(await readFile(join(REFERENCE, name), 'utf8')).toBe(await page());
});

test('every setting that is read is described, and no other', () => {
  const read = new Set<string>();
  readConfig(new Proxy({}, { get: (_target, name) => void read.add(String(name)) }));
  expect(settings.map(([name]) => name).sort()).toEqual([...read].sort());
});

test.each(settings.filter(([, { unset }]) => unset !== undefined))(
  'the default of %s is what it says',
  (name, { unset }) => {
    expect(readConfig({ [name]: unset })).toEqual(readConfig({}));
  },
);

test('a setting without a default says what happens without it', () => {
  const silent = settings.filter(([, { unset, without }]) => (unset === undefined) === (without === undefined));
  expect(silent).toEqual([]);
});
