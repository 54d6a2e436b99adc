// What the tests run that npm cannot bring: a real sshd, a real Redis, the tools of a workspace, and
// login shells and tools that hosts elsewhere have. Found where they are
// there; installed where that is allowed (root on Debian and its kin); otherwise the command that would is named.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Programs, with Debian's names of the packages that have them. */
const PARTS = {
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  openssl: 'openssl',
  'redis-server': 'redis-server',
  git: 'git',
  curl: 'curl',
  jq: 'jq',
  bwrap: 'bubblewrap',
  pgbouncer: 'pgbouncer',
  fish: 'fish',
  zsh: 'zsh',
  tcsh: 'tcsh',
  busybox: 'busybox',
  bsdtar: 'libarchive-tools',
  shellcheck: 'shellcheck',
};

/** Asked by a package's scripts whether they may start its service. */
const POLICY = '/usr/sbin/policy-rc.d';

/** @throws Error that names the command to run, where something is missing and may not be installed. */
export function provideTestParts() {
  const absent = missing();
  if (absent.length === 0) return;
  const packages = [...new Set(absent.map((part) => PARTS[part]))];
  if (process.geteuid?.() !== 0 || !find('apt-get')) refuse(absent, packages);
  say(`installing ${packages.join(', ')} for the tests (apt-get)`);
  withoutStartingServices(() => {
    // May fail where there is no network and the packages are at hand anyway; what counts is what is there then.
    aptGet('update');
    aptGet('install', '-y', '--no-install-recommends', ...packages);
  });
  const still = missing();
  if (still.length > 0) refuse(still, packages);
}

function missing() {
  return Object.keys(PARTS).filter((part) => !find(part));
}

function find(program) {
  // These are not on an ordinary user's PATH, and are started by their full path.
  const folders = ['sshd', 'pgbouncer'].includes(program) ? ['/usr/sbin'] : (process.env.PATH ?? '').split(delimiter);
  return folders.filter(Boolean).find((folder) => isExecutable(join(folder, program)));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function aptGet(...args) {
  // What it prints goes to stderr: the standard output belongs to the tests.
  spawnSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', ...args], {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}

/** The tests start servers of their own; the machine's are none of their business. */
function withoutStartingServices(work) {
  const aside = `${POLICY}.leasehold-${process.pid}`;
  const had = existsSync(POLICY);
  if (had) renameSync(POLICY, aside);
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    work();
  } finally {
    if (had) renameSync(aside, POLICY);
    else rmSync(POLICY);
  }
}

function refuse(absent, packages) {
  throw new Error(
    `the tests need ${absent.join(', ')}. On Debian or Ubuntu this installs what is missing:\n` +
      `  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`,
  );
}

function say(message) {
  process.stderr.write(`leasehold: ${message}\n`);
}

/** For the scripts: provides them, or ends the process with the reason. */
export function provideTestPartsOrExit() {
  try {
    provideTestParts();
  } catch (error) {
    say(error.message);
    process.exit(1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) provideTestPartsOrExit();
