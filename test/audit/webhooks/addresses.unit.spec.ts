import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { whyNotPublic } from '../../../src/platform/addresses/public-address.js';
import type { LeaseholdError } from '../../../src/errors/catalogue.js';
import { requireAllowed } from '../../../src/audit/webhooks/addresses.js';

const codeOf = (url: string): string | null => {
  try {
    requireAllowed(new URL(url));
    return null;
  } catch (error) {
    return (error as LeaseholdError).code;
  }
};

describe('an address', () => {
  it.each([
    ...['127.0.0.1', '127.1', '2130706433', '0x7f000001', '0x7f.1', '017700000001', '0177.0.0.1', '127.0.0.1.'],
    ...['0.0.0.0', '0', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.0.1', '169.254.169.254', '100.64.0.1'],
    ...[
      '192.0.0.1',
      '192.0.2.1',
      '198.18.0.1',
      '198.51.100.1',
      '203.0.113.1',
      '224.0.0.1',
      '240.0.0.1',
      '255.255.255.255',
    ],
    ...['①②⑦.0.0.1', '%31%32%37.0.0.1', 'localhost', 'LOCALHOST', 'localhost.', 'api.localhost', '%6cocalhost'],
    ...['[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::ffff:8.8.8.8]', '[::127.0.0.1]', '[fe80::1]'],
    ...['[fc00::1]', '[fd12::1]', '[fec0::1]', '[ff02::1]', '[64:ff9b::7f00:1]', '[64:ff9b:1::1]', '[2002:7f00:1::]'],
    ...['[2001::1]', '[2001:db8::1]', '[100::1]', '[4000::1]', '[0:0:0:0:0:0:0:1]'],
  ])('is refused: %s', (host) => {
    expect(codeOf(`http://${host}:8080/hook`)).toBe('webhook_address_refused');
  });

  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '[2606:4700::1111]',
    'example.com',
    'localhost.example.com',
  ])('is taken: %s', (host) => {
    expect(codeOf(`https://${host}/hook`)).toBeNull();
  });

  it('of IPv4 is refused in whatever number it is written', () => {
    const forms = fc.constantFrom(
      (n: number) => String(n),
      (n: number) => `0x${n.toString(16)}`,
      (n: number) => `0${n.toString(8)}`,
    );
    const within24 = fc.integer({ min: 0, max: 2 ** 24 - 1 });
    fc.assert(
      fc.property(fc.constantFrom(0, 10, 127), within24, forms, (first, rest, form) => {
        expect(codeOf(`http://${form(first * 2 ** 24 + rest)}/`)).toBe('webhook_address_refused');
      }),
    );
  });

  it('says why', () => {
    expect(whyNotPublic('169.254.169.254')).toBe('169.254.169.254 is not a public address (linkLocal)');
    expect(whyNotPublic('9.9.9.9')).toBeNull();
  });
});
