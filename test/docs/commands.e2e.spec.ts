import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bareEnvironment } from '../support/bare-environment.js';
import { CLI } from '../support/cli.js';
import { ServiceHome, type ServiceProcess } from '../support/service.js';
import { useSecret } from '../support/secrets-used.js';
import { startSshd, type TestSshd } from '../support/sshd.js';
import { codeBlocks, isDecision, pages, type Page } from './pages.js';

/** Lines of the pages' commands that are not run here, and why. */
const NOT_RUN: readonly { readonly line: RegExp; readonly because: string }[] = [
  { line: /\bnpm start\b/, because: 'a service is running; test/e2e/start.e2e.spec.ts tries what it does' },
  { line: /^npm test\b|^LEASEHOLD_WRITE_DOCS=yes npm test\b/, because: 'this is it' },
  {
    line: /^npm run (dev|soak|lint|typecheck|format|unused)\b|^\.ci\/run\b/,
    because: 'CI runs them, or they go on for ever',
  },
  { line: /^npm run bench\b/, because: 'it takes minutes; test/scripts/bench.int.spec.ts tries the launcher' },
  { line: /^npm run contract\b/, because: 'test/runtime/drivers/contract.e2e.spec.ts is what it runs' },
  { line: /^npm install\b/, because: 'it asks the registry' },
  { line: /^(sudo )?(apt-get|dnf|pacman)\b/, because: 'it changes the machine' },
  { line: /^(HOST|SSH_PORT|ACCOUNT|KEY|FOLDER|KNOWN_HOSTS)=/, because: 'the host is a real sshd of the test’s own' },
];

/** In the documents' commands, a refused request is a failed command; npm and the service's own port are those of the test. */
const PREAMBLE = `
curl() { command curl --fail-with-body --max-time 60 "$@"; }
npm() {
  [ "\${1-} \${2-} \${3-} \${4-}" = 'run -s leasehold --' ] || { echo "not expected: npm $*" >&2; return 1; }
  shift 4
  "$NODE" "$CLI" "$@"
}
`;

const withCommands = (await pages()).filter(
  (page) => !isDecision(page) && linesOf(page).some((line) => reasonNotToRun(line) === undefined && isCommand(line)),
);
/** Pages whose commands change by which keys the service works, or who may call it; in this order on a service of their own. */
const ALONE = /guides\/(tokens|secrets)\.md$/;

interface Started {
  readonly home: ServiceHome;
  readonly service: ServiceProcess;
}

const homes: ServiceHome[] = [];
let shared: Started;
let alone: Started | null = null;
let sshd: TestSshd;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leasehold-test-docs-'));
  sshd = await startSshd();
  await writeFile(join(folder, 'key'), sshd.privateKey, { mode: 0o600 });
  shared = await start();
});
afterAll(async () => {
  for (const home of homes) await home.close();
  await sshd?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<Started> {
  const home = await ServiceHome.make();
  homes.push(home);
  const service = await home.start({
    LEASEHOLD_LOCAL_EXECUTE: 'true',
    LEASEHOLD_WORKSPACE_ROOTS: JSON.stringify([folder]),
  });
  return { home, service };
}

function linesOf({ text }: Page): string[] {
  return codeBlocks(text).flatMap(({ language, lines }) => (language === 'sh' ? lines : []));
}

function isCommand(line: string): boolean {
  return line.trim() !== '' && !line.startsWith('#');
}

function reasonNotToRun(line: string): string | undefined {
  return NOT_RUN.find((exception) => exception.line.test(line))?.because;
}

test.each(withCommands)('the commands of $path do what it says', async (page) => {
  const { home, service } = ALONE.test(page.path) ? (alone ??= await start()) : shared;
  const lines = linesOf(page).filter((line) => reasonNotToRun(line) === undefined);
  const script = lines.join('\n').replaceAll('http://127.0.0.1:3000', service.url);
  const { code, output } = await bash(`${PREAMBLE}\n${script}`, {
    ...{ NODE: process.execPath, CLI, LEASEHOLD_URL: service.url, LEASEHOLD_DATA_DIR: home.dataDir },
    ...{ HOST: sshd.host, SSH_PORT: String(sshd.port), ACCOUNT: sshd.username, FOLDER: sshd.workspace },
    ...{ KEY: join(folder, 'key'), KNOWN_HOSTS: sshd.knownHosts },
  });
  expect({ code, output }).toEqual({ code: 0, output: expect.any(String) });
});

async function bash(script: string, env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    env: { ...bareEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(child, 'close');
  for (const [token] of output.matchAll(/lh_[\w-]{40,}/g)) useSecret('token', token);
  return { code: child.exitCode, output };
}

test('every exception is one of some page, and no page has other commands than sh', async () => {
  const lines = (await pages()).filter((page) => !isDecision(page)).flatMap(linesOf);
  expect(NOT_RUN.filter(({ line }) => !lines.some((one) => line.test(one)))).toEqual([]);
  const languages = (await pages()).flatMap(({ text }) => codeBlocks(text).map(({ language }) => language));
  expect(languages.filter((language) => ['bash', 'shell', 'console', 'zsh'].includes(language))).toEqual([]);
});
