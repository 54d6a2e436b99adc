import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { expect, test } from '@jest/globals';
import { readProgram } from '../../src/platform/programs/read-program.js';
import { EXITS } from '../../src/runtime/workspaces/remote-scripts.js';

const ROOT = join(import.meta.dirname, '..', '..');
const PROGRAMS = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(sh|pl|mjs)$/.test(file))
  .map((file) => join('src', file));
const SHELL = PROGRAMS.filter((file) => file.endsWith('.sh'));
const PERL = PROGRAMS.filter((file) => file.endsWith('.pl'));
/** Each is checked with the files that it sources, so these are checked with those that source them. */
const SOURCED = new Set(SHELL.flatMap((file) => sourcedBy(file)));

function sourcedBy(file: string): string[] {
  const lines = readFileSync(join(ROOT, file), 'utf8').matchAll(/^\. (\S+)$/gm);
  return [...lines].map(([, path]) => relative(ROOT, join(ROOT, dirname(file), path!)));
}

/** What a checker says; empty where it finds nothing. */
function said(command: string, args: readonly string[], cwd: string, input = ''): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, input, encoding: 'utf8' });
  if (error) throw error;
  return status === 0 ? '' : `${stdout}${stderr}` || `${command} ended with ${status}`;
}

test('there are programs of both kinds', () => {
  expect(SHELL.length).toBeGreaterThan(20);
  expect(PERL.length).toBe(1);
});

test.each(PROGRAMS)('%s says where it runs and what it may rely on', (file) => {
  const [first, ...rest] = readFileSync(join(ROOT, file), 'utf8').split('\n');
  if (file.endsWith('.mjs')) expect(first).toMatch(/^\/\/ Runs .+/);
  else {
    expect(first).toBe(file.endsWith('.pl') ? '#!/usr/bin/perl' : '#!/bin/sh');
    expect(rest[0]).toMatch(/^# (Runs|Put) .+/);
  }
});

test.each(SHELL.filter((file) => !SOURCED.has(file)))('shellcheck finds nothing in %s', (file) => {
  const strict = ['--external-sources', '--check-sourced', '--shell=sh', '--severity=style'];
  expect(said('shellcheck', [...strict, basename(file)], join(ROOT, dirname(file)))).toBe('');
});

test.each(SHELL.filter((file) => !SOURCED.has(file)))('dash, bash and the sh of BusyBox can read %s', (file) => {
  const program = readProgram(ROOT, file);
  expect(program).not.toMatch(/^\. /m);
  expect(program).not.toMatch(/^\s*#/m);
  expect(said('dash', ['-n'], ROOT, program)).toBe('');
  expect(said('bash', ['--posix', '-n'], ROOT, program)).toBe('');
  expect(said('busybox', ['sh', '-n'], ROOT, program)).toBe('');
});

test.each(PERL)('perl finds nothing in %s', (file) => {
  const { status, stderr } = spawnSync('perl', ['-wc', file], { cwd: ROOT, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: `${file} syntax OK\n` });
});

test('the programs of workspaces end with no code of their own but those of EXITS', () => {
  const folder = join(ROOT, 'src', 'runtime', 'workspaces', 'lease-side');
  const text = readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('');
  const codes = new Set([...text.matchAll(/\bexit (\d+)/g)].map(([, code]) => Number(code)));
  codes.delete(0);
  expect([...codes].sort()).toEqual(Object.values(EXITS).sort());
});
