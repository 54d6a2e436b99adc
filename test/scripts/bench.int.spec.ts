import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';

// They use what the tests use, and once could not be loaded any more because that asked for Jest.
test('the benches can be loaded', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/bench.mjs', 'none'], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: expect.stringMatching(/^usage: npm run bench -- <admission\|append\|/),
  });
});
