import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';

// It was built again at every start: sources that are not compiled were taken for ones whose output is missing.
test('a checkout that is set up is left as it is, so that a start takes no time for it', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/setup.mjs'], { encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
});
