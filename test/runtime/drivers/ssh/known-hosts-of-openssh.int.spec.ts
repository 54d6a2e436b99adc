import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  verifyHostKey,
  whyNotKnownHosts,
  type HostKeyVerdict,
} from '../../../../src/runtime/drivers/ssh/known-hosts.js';
import { turns } from '../../../support/soak.js';

const run = promisify(execFile);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-known-hosts-`));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Line {
  readonly marker: '' | '@revoked' | '@cert-authority';
  readonly names: string;
  readonly space: string;
}

const HOSTS = ['host', 'a.host', 'Host.B', '10.0.0.1', '::1'];
const PORTS = [22, 2222];
const label = fc.constantFrom('host', 'HOST', 'a', 'b', '*', '?', 'h*t', '*.host', '10.0.?.*', '::1', '');
const pattern = fc
  .tuple(
    fc.constantFrom('', '', '', '!', '!!'),
    fc.array(label, { minLength: 1, maxLength: 2 }),
    fc.constantFrom('', '', '22', '2222', '*', '22?2'),
  )
  .map(([negated, labels, port]) => `${negated}${port === '' ? labels.join('.') : `[${labels.join('.')}]:${port}`}`);
const plainNames = fc
  .array(pattern, { minLength: 1, maxLength: 3 })
  .map((patterns) => patterns.join(','))
  .filter((names) => names !== '');
const hashedName = fc
  .constantFrom('host', 'HOST', 'a.host', 'host.b', '[host]:2222', '[host]:22', '::1', '[::1]:2222')
  .map(hashed);
const line: fc.Arbitrary<Line> = fc.record({
  marker: fc.constantFrom('', '', '', '@revoked', '@cert-authority'),
  names: fc.oneof({ arbitrary: plainNames, weight: 3 }, hashedName),
  space: fc.constantFrom(' ', '\t', '  '),
});

function hashed(name: string): string {
  const salt = Buffer.alloc(20, name);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

/** Another one for each line, so that it tells which line was taken. */
function keyOf(index: number): Buffer {
  const parts = [Buffer.from('ssh-ed25519'), Buffer.alloc(32, index + 1)];
  return Buffer.concat(parts.flatMap((part) => [Buffer.from([0, 0, 0, part.length]), part]));
}

function fileOf(lines: readonly Line[]): string {
  // Behind a marker OpenSSH 9.2 takes a tab only where the line has no space at all; a revoked key counts here anyway.
  const text = ({ marker, names, space }: Line, index: number): string =>
    `${marker}${marker && ' '}${[names, 'ssh-ed25519', keyOf(index).toString('base64'), 'a comment'].join(space)}`;
  return lines.map((one, index) => `${index % 3 === 0 ? one.space : ''}${text(one, index)}\n`).join('# a comment\n\n');
}

/** The indices of the lines that OpenSSH finds for a name. */
async function found(file: string, name: string): Promise<number[]> {
  const { stdout } = await run('ssh-keygen', ['-F', name, '-f', file]).catch((error: unknown) => {
    // It found none.
    if ((error as { code?: unknown }).code === 1) return { stdout: '' };
    throw error;
  });
  // Each line is followed by a comment and an empty one.
  return [...stdout.matchAll(/^# Host .* found: line (\d+)/gm)].map(([, number]) => (Number(number) - 1) / 3);
}

/** What ssh makes of the lines that are found for `[host]:port`, and where none of them is a key, for the host alone. */
function verdictOf(
  lines: readonly Line[],
  ofPort: readonly number[],
  ofHost: readonly number[],
  key: number,
): HostKeyVerdict {
  const has = (marker: Line['marker'], indices: readonly number[]): number[] =>
    indices.filter((index) => lines[index]?.marker === marker);
  const both = [...ofPort, ...ofHost];
  if (has('@revoked', both).includes(key)) return 'revoked';
  if (has('', ofPort).includes(key)) return 'known';
  if (has('', ofPort).length > 0) return 'other';
  if (has('', ofHost).includes(key)) return 'known';
  return has('@cert-authority', both).length > 0 ? 'certified' : 'unknown';
}

test('the lines of a known_hosts file that are for a host and port are those that ssh-keygen finds', async () => {
  const names = fc.tuple(fc.constantFrom(...HOSTS), fc.constantFrom(...PORTS));
  await fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 12 }), names, async (lines, [host, port]) => {
      const text = fileOf(lines);
      expect(whyNotKnownHosts(text)).toBeNull();
      const file = join(folder, 'known_hosts');
      await writeFile(file, text);
      // As ssh does before it looks; ssh-keygen does not.
      const name = host.toLowerCase();
      const ofName = await found(file, name);
      const [ofPort, ofHost] = port === 22 ? [ofName, []] : [await found(file, `[${name}]:${port}`), ofName];
      const keys = [...lines.keys(), lines.length];
      const expected = keys.map((key) => verdictOf(lines, ofPort, ofHost, key));
      expect(keys.map((key) => verifyHostKey(text, host, port, keyOf(key)))).toEqual(expected);
    }),
    turns(40, 3_000),
  );
});

test('a file whose names ssh-keygen has hashed is read as OpenSSH reads it', async () => {
  const file = join(folder, 'hashed');
  const of = (names: string): Line => ({ marker: '', names, space: ' ' });
  const lines = ['host.example', '[host.example]:2222', '::1,10.0.0.1'].map(of);
  await writeFile(file, fileOf(lines));
  await run('ssh-keygen', ['-H', '-f', file]);
  const text = await readFile(file, 'utf8');
  expect(text).not.toContain('host.example');
  expect(whyNotKnownHosts(text)).toBeNull();
  expect(verifyHostKey(text, 'HOST.example', 22, keyOf(0))).toBe('known');
  expect(verifyHostKey(text, 'host.example', 2222, keyOf(1))).toBe('known');
  expect(verifyHostKey(text, 'host.example', 2222, keyOf(0))).toBe('other');
  for (const host of ['::1', '10.0.0.1']) expect(verifyHostKey(text, host, 22, keyOf(2))).toBe('known');
  expect(verifyHostKey(text, 'other.example', 22, keyOf(0))).toBe('unknown');
});
