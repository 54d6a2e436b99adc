import { createHmac } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { knownKeyTypes, verifyHostKey, whyNotKnownHosts } from '../../../../src/runtime/drivers/ssh/known-hosts.js';
import { matchesWildcard } from '../../../../src/runtime/drivers/ssh/wildcard.js';
import { grown } from '../../../support/soak.js';

const KEY = keyOf('ssh-ed25519', 1);
const OTHER = keyOf('ssh-ed25519', 2);
const RSA = keyOf('ssh-rsa', 3);

function keyOf(type: string, fill: number): Buffer {
  const bytes = [Buffer.from(type), Buffer.alloc(32, fill)];
  return Buffer.concat(bytes.flatMap((part) => [Buffer.from([0, 0, 0, part.length]), part]));
}

function line(names: string, key = KEY, marker = ''): string {
  const type = key.toString('latin1', 4, 4 + Number(key[3]));
  return `${marker} ${names} ${type} ${key.toString('base64')} a comment`.trim();
}

function hashed(name: string): string {
  const salt = Buffer.alloc(20, 7);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

test.each([
  ['host.example', 22, 'known'],
  ['HOST.Example', 22, 'known'],
  ['*.example', 22, 'known'],
  ['*', 22, 'known'],
  ['h?st.*', 22, 'known'],
  ['h?t.*', 22, 'unknown'],
  ['host', 22, 'unknown'],
  ['hostxexample', 22, 'unknown'],
  ['other,host.example', 22, 'known'],
  ['*.example,!host.*', 22, 'unknown'],
  ['!other,*', 22, 'known'],
  [hashed('host.example'), 22, 'known'],
  [hashed('host'), 22, 'unknown'],
  ['[host.example]:2222', 2222, 'known'],
  ['[host.example]:2222', 22, 'unknown'],
  ['[*]:2222', 2222, 'known'],
  [hashed('[host.example]:2222'), 2222, 'known'],
  // As OpenSSH: a line without a port counts for every port that no line names.
  ['host.example', 2222, 'known'],
  ['[host.example]:2223', 2222, 'unknown'],
])('a line for %s and port %i: the key is %s', (names, port, verdict) => {
  expect(verifyHostKey(line(names), 'host.example', port, KEY)).toBe(verdict);
});

test('a line with the port comes before one without it, another key is told from none, and revoked keys count', () => {
  const both = [line('[host]:2222', OTHER), line('host', KEY)].join('\n');
  expect(verifyHostKey(both, 'host', 2222, KEY)).toBe('other');
  expect(verifyHostKey(both, 'host', 2222, OTHER)).toBe('known');
  expect(verifyHostKey(line('host', OTHER), 'host', 2222, KEY)).toBe('unknown');
  expect(verifyHostKey(`${line('host')}\n${line('*', KEY, '@revoked')}`, 'host', 2222, KEY)).toBe('revoked');
  expect(verifyHostKey(line('*', KEY, '@cert-authority'), 'host', 22, OTHER)).toBe('certified');
  expect(verifyHostKey(null, 'host', 22, KEY)).toBe('unknown');
  expect(verifyHostKey(`# ${line('host')}\r\n\r\n${line('host')}\r\n`, 'host', 22, KEY)).toBe('known');
  expect(knownKeyTypes(`${line('host', RSA)}\n${line('[host]:2222')}\n${line('b')}`, 'host', 2222)).toEqual([
    'ssh-ed25519',
    'ssh-rsa',
  ]);
});

test('a text that is no known_hosts file is refused by the number of its line', () => {
  const good = ['', '# why', line('*.example,!b', RSA), line(hashed('a')), line('*', KEY, '@cert-authority')];
  expect(whyNotKnownHosts(good.join('\r\n'))).toBeNull();
  const key = KEY.toString('base64');
  const wrong: [string, RegExp][] = [
    ['host', /^line 6 must be names/],
    ['host ssh-ed25519', /^line 6 must be names/],
    [line('host', KEY, '@trusted'), /^line 6 begins with a marker/],
    [line('|1|c2FsdA==|c2FsdA=='), /^line 6 begins with a hashed name/],
    [line('*a'.repeat(17)), /^line 6 has a pattern with more than 16 asterisks$/],
    [line('*'.repeat(60)), /asterisks$/],
    [line('a'.repeat(262)), /^line 6 has a pattern of more than 261 characters$/],
    [`host ssh-rsa ${key}`, /^line 6 has a key that is not of the type ssh-rsa/],
    ['host ssh-ed25519 AAAA', /not whole$/],
    [`host ssh-ed25519 ${key.slice(0, 8)}…`, /not whole$/],
  ];
  for (const [text, why] of wrong) expect(whyNotKnownHosts([...good, text].join('\n'))).toMatch(why);
  expect(whyNotKnownHosts('#'.repeat(65_537))).toBe('must have at most 65536 characters');
});

test('a wildcard fits as its meaning says, for every small pattern and text', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 7 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 7 });
  const meaning = (pattern: string, of: string): boolean => {
    const rest = pattern.slice(1);
    if (pattern === '') return of === '';
    if (pattern.startsWith('*')) return meaning(rest, of) || (of !== '' && meaning(pattern, of.slice(1)));
    return of !== '' && (pattern.startsWith('?') || pattern[0] === of[0]) && meaning(rest, of.slice(1));
  };
  const property = fc.property(letters, text, (pattern, of) => matchesWildcard(pattern, of) === meaning(pattern, of));
  fc.assert(property, { numRuns: grown(500, 50_000) });
});

/** Texts up to 1 MiB of the things that a known_hosts file is made of: few kinds of long runs, so that much of it nearly fits. */
const piece = fc.constantFrom(
  '*',
  '*0',
  '**',
  '?',
  '0',
  '00000000',
  'x',
  ',',
  '!',
  '[',
  ']:22 ',
  ' ',
  '\n',
  '|1|',
  '\\',
  '.',
);
const hostileText = fc
  .array(fc.tuple(piece, fc.integer({ min: 1, max: 300 })), { minLength: 1, maxLength: 12 })
  .chain((runs) => {
    const unit = runs.map(([text, times]) => text.repeat(times)).join('');
    const end = fc.constantFrom('', 'x', ' x', 'x ssh-ed25519 AAAA', '\n', 'x ssh-ed25519 AAAA\n');
    const length = fc.constantFrom(200, 5_000, 65_000, 1_048_576);
    return fc.tuple(end, length).map(([tail, most]) => {
      const times = Math.max(1, Math.floor(most / (unit.length + tail.length)));
      return `${unit}${tail}`.repeat(times).slice(0, most);
    });
  });
const hostileHost = fc
  .tuple(fc.constantFrom('0', '00x', 'a.', '127.0.0.1', '*0'), fc.constantFrom(1, 50, 253, 1_000))
  .map(([unit, most]) => unit.repeat(most).slice(0, most));

/** The least of a few: what else the machine did meanwhile does not count. */
function msOf(work: () => unknown): number {
  const once = (): number => {
    const since = performance.now();
    work();
    return performance.now() - since;
  };
  return Math.min(once(), once(), once());
}

test('no text of up to 1 MiB holds the event loop, as a known_hosts file or as a host name', () => {
  const text = 'host.example ssh-ed25519 '.repeat(41_944);
  // What is surely linear: every character looked at.
  const baseline = msOf(() => {
    let sum = 0;
    for (let at = 0; at < text.length; at += 1) sum += text.charCodeAt(at);
    return sum;
  });
  const asked = (knownHosts: string, host: string): void => {
    whyNotKnownHosts(knownHosts);
    knownKeyTypes(knownHosts, host, 2222);
    verifyHostKey(knownHosts, host, 2222, KEY);
  };
  const property = fc.property(hostileText, hostileHost, (knownHosts, host) => {
    const since = performance.now();
    asked(knownHosts, host);
    // Only what looks slow is looked at again: it may have been the machine.
    if (performance.now() - since > 100 * baseline)
      expect(msOf(() => asked(knownHosts, host))).toBeLessThan(100 * baseline);
  });
  const stars = `${'*0'.repeat(8)}x ssh-ed25519 AAAA`;
  const examples: [string, string][] = [
    [stars, '0'.repeat(100)],
    [`${'*'.repeat(16)}x ssh-ed25519 AAAA`, '127.0.0.1'],
    [`${'*0'.repeat(125)}x,`.repeat(260), '0'.repeat(253)],
    [`*${'0'.repeat(126)}x,`.repeat(510), '0'.repeat(253)],
    [`${'*0'.repeat(8)}x,`.repeat(61_000), '0'.repeat(1_000)],
  ];
  fc.assert(property, { numRuns: grown(100, 20_000), examples });
});
