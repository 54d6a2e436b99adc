// Everything a fresh machine needs before Leasehold can run: the packages and the build. Each step runs only when
// something has changed since it last ran. Uses nothing that has to be installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

export const at = (...path) => join(root, ...path);
const LOCKFILE = at('package-lock.json');
const INSTALL_STAMP = at('node_modules', '.leasehold-install');
const BUILD_STAMP = at('dist', '.leasehold-build.json');
const SETUP_LOCK = at('dist', '.leasehold-setup.lock');
/** What is run: see scripts/bundle.mjs. */
export const PROGRAMS = { main: at('dist', 'bundle', 'main.mjs'), cli: at('dist', 'bundle', 'leasehold.mjs') };
/** Folders of which every source is compiled. */
const COMPILED = ['src', 'migrations', 'bench'];
const SOURCES = [
  ...COMPILED,
  ...['tsconfig.json', 'tsconfig.build.json', 'tsconfig.setup.json', 'nest-cli.json'],
  ...['scripts/bundle.mjs', 'scripts/compiled.mjs', 'scripts/keep-compiled.mjs'],
  // Of the tests, what the measurements use, which is not all of it.
  ...['test/support', 'test/runtime/drivers/ssh/host-under-test.ts'],
];

export async function setUp() {
  requireNode(20, 19);
  if (isInstalled() && isBuilt()) return;
  await withLock(() => {
    if (!isInstalled()) install();
    if (!isBuilt()) build();
  });
}

function requireNode(major, minor) {
  const [haveMajor, haveMinor] = process.versions.node.split('.').map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  fail(`Leasehold needs Node ${major}.${minor} or newer; this is ${process.version}. See https://nodejs.org/`);
}

// --- packages -------------------------------------------------------------------------------------------------------

function isInstalled() {
  return readText(INSTALL_STAMP) === hash(readFileSync(LOCKFILE));
}

function install() {
  if (installedByHand()) {
    stampInstall();
    return;
  }
  say('installing the packages (npm ci)');
  const ci = npm('ci', '--include=dev');
  if (!ci.ok) {
    // npm ci insists on every other platform's packages being in the lockfile; npm install takes the same versions
    // and needs only this platform's.
    say('npm ci refused; installing with npm install');
    const install = npm('install', '--include=dev', '--no-save');
    if (!install.ok) fail(`the packages could not be installed:\n${ci.output}\n${install.output}`);
  }
  stampInstall();
}

/** Somebody has run npm himself: what npm says it has installed is compared with the lockfile. */
function installedByHand() {
  const text = readText(at('node_modules', '.package-lock.json'));
  if (text === undefined) return false;
  const have = JSON.parse(text).packages;
  const want = JSON.parse(readFileSync(LOCKFILE, 'utf8')).packages;
  const missing = ([path, { version, optional }]) => path !== '' && !optional && have[path]?.version !== version;
  return !Object.entries(want).some(missing);
}

function npm(...args) {
  const { npm_execpath: script } = process.env;
  // Under `npm run --silent` the inner npm would not say what is wrong.
  const env = { ...process.env, npm_config_loglevel: 'error' };
  const options = { cwd: root, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] };
  const { status, error, stdout, stderr } = script?.endsWith('npm-cli.js')
    ? spawnSync(process.execPath, [script, ...args], options) // under `npm start`: the same npm
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
  return { ok: status === 0, output: error ? error.message : `${stdout}${stderr}` };
}

function stampInstall() {
  writeAtomically(INSTALL_STAMP, hash(readFileSync(LOCKFILE)));
}

// --- build ----------------------------------------------------------------------------------------------------------

function isBuilt() {
  const state = buildState();
  return readText(BUILD_STAMP) === state && !lacksOutputs(state);
}

function build() {
  const before = readText(BUILD_STAMP);
  const state = buildState();
  if (mustStartClean(before, state)) clean();
  say('building');
  const nest = at('node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
  // Types are checked by CI, and by `npm run build` and `npm run dev`: here it would take half of the time.
  for (const step of [[nest, 'build', '--path', 'tsconfig.setup.json'], [at('scripts', 'bundle.mjs')]]) {
    // What it prints goes to stderr: the standard output belongs to what is started after the set-up.
    const { status } = spawnSync(process.execPath, step, { cwd: root, stdio: ['ignore', 2, 2] });
    if (status !== 0) fail('the build failed');
  }
  // The state from before the build: what was edited meanwhile is built the next time.
  writeAtomically(BUILD_STAMP, state);
}

/** Every source with its size and time, the packages that it was compiled against, and whose compiled code is kept. */
function buildState() {
  const files = {};
  for (const source of SOURCES) collect(at(source), files);
  return JSON.stringify({ packages: hash(readFileSync(LOCKFILE)), node: process.version, files });
}

function collect(path, files) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (found.isDirectory()) for (const name of readdirSync(path).sort()) collect(join(path, name), files);
  else files[relative(root, path)] = `${found.size} ${found.mtimeMs}`;
}

/** tsc leaves the output of a deleted source where it is, and does not miss an output that somebody has deleted. */
function mustStartClean(before, state) {
  if (before === undefined || lacksOutputs(before)) return true;
  const now = JSON.parse(state).files;
  return Object.keys(JSON.parse(before).files).some((file) => !(file in now));
}

function lacksOutputs(state) {
  const sources = Object.keys(JSON.parse(state).files).filter(
    (file) => /(?<!\.d)\.(ts|sh|pl)$/.test(file) && COMPILED.includes(file.split(sep)[0]),
  );
  const outputs = sources.map((file) => at('dist', file.replace(/ts$/, 'js')));
  return [...outputs, ...Object.values(PROGRAMS), at('dist', 'bundle', 'main.cjs')].some((file) => !existsSync(file));
}

function clean() {
  for (const name of readdirSync(at('dist'))) {
    if (at('dist', name) !== SETUP_LOCK) rmSync(at('dist', name), { recursive: true, force: true });
  }
}

// --- one at a time --------------------------------------------------------------------------------------------------

async function withLock(work) {
  mkdirSync(at('dist'), { recursive: true });
  let told = false;
  while (!tryLock()) {
    const owner = Number(readText(SETUP_LOCK));
    if (owner && !isAlive(owner)) {
      // Renamed first, so that of two who find it only one removes it.
      const aside = `${SETUP_LOCK}.${process.pid}`;
      try {
        renameSync(SETUP_LOCK, aside);
        unlinkSync(aside);
      } catch {
        // the other one was faster
      }
      continue;
    }
    if (!told) say(`waiting for process ${owner}, which is setting up this checkout`);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  try {
    work();
  } finally {
    rmSync(SETUP_LOCK, { force: true });
  }
}

function tryLock() {
  try {
    writeFileSync(SETUP_LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

// --- small things ---------------------------------------------------------------------------------------------------

class SetUpFailed extends Error {}

function fail(message) {
  throw new SetUpFailed(message);
}

/** For the scripts: sets up, or ends the process with the reason. */
export async function setUpOrExit() {
  try {
    await setUp();
  } catch (error) {
    if (!(error instanceof SetUpFailed)) throw error;
    say(error.message);
    process.exit(1);
  }
}

function say(message) {
  process.stderr.write(`leasehold: ${message}\n`);
}

function hash(data) {
  return createHash('sha256').update(data).digest('hex');
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function writeAtomically(path, text) {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text);
  renameSync(draft, path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setUpOrExit();
