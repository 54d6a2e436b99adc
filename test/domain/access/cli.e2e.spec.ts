import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { leasehold as runCli } from '../../support/cli.js';
import { ServiceHome } from '../../support/service.js';

let home: ServiceHome;
beforeAll(async () => {
  home = await ServiceHome.make();
});
afterAll(() => home?.close());

const leasehold = (...args: string[]) => runCli({ LEASEHOLD_DATA_DIR: home.dataDir }, ...args);

test('the first token is made without a service, and only then may it listen to the network; what is refused is 3', async () => {
  const refused = home.spawn({ HOST: '0.0.0.0' });
  expect(await refused.exited()).toBe(1);
  expect(refused.output).toContain('HOST is "0.0.0.0", which is not loopback, and there is no live token.');
  expect(refused.output).not.toMatch(/\n\s+at /);

  const made = await leasehold('tokens', 'create', '--name', 'a', '--all-companies', '--permission', 'admin', '--json');
  expect(made.code).toBe(0);
  const { id, value } = JSON.parse(made.out) as { id: string; value: string };

  const service = await home.start();
  expect(service.output).toContain('-H "Authorization: Bearer $LEASEHOLD_TOKEN"');
  const headers = { authorization: `Bearer ${value}` };
  await service.api.expect(401, 'GET', '/api/projections');
  await service.api.expect(200, 'GET', '/api/projections', undefined, headers);
  expect((await leasehold('tokens', 'list')).out).toContain(`${id}\tlive\ta\tadmin\tevery company`);

  expect((await leasehold('tokens', 'revoke', id)).code).toBe(0);
  expect((await leasehold('tokens', 'list')).out).toContain(`${id}\trevoked`);
  const unknown = await leasehold('tokens', 'revoke', randomUUID());
  expect([unknown.code, unknown.out]).toEqual([3, '']);

  const open = home.spawn({ HOST: '0.0.0.0' });
  expect(await open.exited()).toBe(1);
  expect(await service.interrupt()).toBe(0);
});

test('wrong usage is 2', async () => {
  expect((await leasehold('tokens', 'create', '--name', 'a')).code).toBe(2);
  expect((await leasehold('tokens', 'create', '--name', 'a', '--all-companies', '--permission', 'all')).code).toBe(2);
  expect((await leasehold('tokens', 'revoke', 'x')).code).toBe(2);
});
