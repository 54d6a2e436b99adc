import { expect, test } from '@jest/globals';
import { publicUrl } from '../../../src/runtime/workspaces/public-url.js';

test.each([
  ['https://user:hunter2@example.org/a.git', 'https://example.org/a.git'],
  ['https://ghp_hunter2@example.org/a.git', 'https://example.org/a.git'],
  ['https://example.org:8443/a.git?private_token=hunter2#hunter2', 'https://example.org:8443/a.git'],
  ['ssh://git:hunter2@example.org:22/a.git', 'ssh://git@example.org:22/a.git'],
  ['git@example.org:team/a.git', 'git@example.org:team/a.git'],
  ['example.org:a.git', 'example.org:a.git'],
  ['[::1]:a.git', '[::1]:a.git'],
  ['../a.git', '../a.git'],
  ['/srv/a.git', '/srv/a.git'],
  ['file:///srv/a.git', 'file:///srv/a.git'],
  ['user:hunter2@example.org:a.git', null],
  ['ext::sh -c "echo hunter2"', null],
  ['ext::ssh://user:hunter2@example.org', null],
  ['foo://user:hunter2@example.org/a', null],
  ['https://user:hunter2@/', null],
])('G2: %s is told as %s', (url, told) => {
  expect(publicUrl(url)).toBe(told);
});
