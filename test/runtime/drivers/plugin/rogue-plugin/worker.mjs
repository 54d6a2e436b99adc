import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/*
 * A worker that does what its config says it should not: `wrong` has, by the method, what is done instead, and `root` is
 * where it notes that it has done so. Anything else it does as it should.
 */

const ANSWERS = {
  environmentValidateConfig: { ok: true },
  environmentProbe: { ok: true, summary: 'well' },
  environmentAcquireLease: { providerLeaseId: 'rogue-1', metadata: { remoteCwd: '/tmp' } },
  environmentResumeLease: { providerLeaseId: 'rogue-1', metadata: { remoteCwd: '/tmp' } },
  environmentRealizeWorkspace: { cwd: '/tmp/realized' },
  environmentExecute: { exitCode: 0, signal: null, timedOut: false, stdout: 'done', stderr: '' },
};

const write = (line) => process.stdout.write(`${line}\n`);
const say = (message) => write(JSON.stringify({ jsonrpc: '2.0', ...message }));
/** What answers to our own calls are given to. */
const asked = new Map();

const WRONGS = {
  die: () => process.kill(process.pid, 'SIGKILL'),
  silence: () => undefined,
  // Nothing at all is answered any more.
  hang: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  twice({ id }, result) {
    say({ id, result });
    say({ id, result: { ...result, summary: 'the second', providerLeaseId: 'second' } });
  },
  late: ({ id }, result, config) => setTimeout(() => say({ id, result }), config.lateMs),
  strangeIds({ id }, result) {
    for (const other of [null, 0, 1, {}, 'leasehold-999999', `${id} `]) say({ id: other, result: { ok: false } });
    say({ id, result });
  },
  garbage({ id }, result) {
    write('starting up…');
    write('{"jsonrpc": "2.0", "id":');
    write('[]');
    write('null');
    process.stdout.write(Buffer.from([0, 255, 254, 10]));
    // No text can be made of these, nor JSON again.
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    say({ method: 'log', params: { level: { toString: 1, valueOf: 2 }, message: { toString: 1 } } });
    write(`{"jsonrpc":"2.0","method":"log","params":{"level":${deep},"message":${deep}}}`);
    write(`{"jsonrpc":"2.0","method":"secrets.resolve","id":${deep}}`);
    say({ id });
    say({ id, result });
  },
  tooMuch: ({ id }, result) => say({ id, result: { ...result, metadata: { many: Array.from({ length: 10_000 }) } } }),
  flood({ id }, result) {
    for (let line = 0; line < 20_000; line += 1) write(`rubbish ${line}`);
    say({ id, result });
  },
  endlessLine() {
    const more = () => process.stdout.write('x'.repeat(1024 * 1024), more);
    more();
  },
  hostMethods({ id }, result) {
    const told = [];
    const methods = ['secrets.resolve', 'config.get', 'state.get', 'companies.list'];
    for (const method of methods) {
      asked.set(method, (answer) => {
        told.push(answer.error);
        if (told.length === methods.length) say({ id, result: { ...result, metadata: { told } } });
      });
      say({ id: method, method, params: {} });
    }
  },
  leak({ id }, _result, { apiKey }) {
    process.stderr.write(`the key is ${apiKey}\n`);
    say({ method: 'log', params: { level: 'error', message: `key ${apiKey}` } });
    say({ method: 'log', params: { level: `level ${apiKey}`, message: 'key' } });
    say({ method: 'log', params: { level: 'error', message: `${'x'.repeat(985)}${apiKey}` } });
    const base64 = Buffer.from(apiKey).toString('base64');
    say({ id, error: { code: -32_002, message: `401 for ${apiKey} (${encodeURIComponent(apiKey)}, ${base64})` } });
  },
  leakInResult: ({ id }, result, { apiKey }) => say({ id, result: { ...result, metadata: { [apiKey]: [apiKey] } } }),
  notALease: ({ id }) => say({ id, result: { providerLeaseId: { not: 'a text' } } }),
  environment: ({ id }, result) => say({ id, result: { ...result, metadata: { env: process.env } } }),
  refuse: ({ id }) => say({ id, error: { code: -32_002, message: 'no room' } }),
};

/** What is done wrongly once is done rightly the next time, by the next worker too. */
function wrongFor(method, { wrong, root }) {
  const [name, once] = (wrong?.[method] ?? '').split(' ');
  if (once !== 'once') return WRONGS[name];
  const mark = join(root, `${method}.${name}`);
  if (existsSync(mark)) return undefined;
  writeFileSync(mark, '');
  return WRONGS[name];
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const request = JSON.parse(line);
  const { id, method, params } = request;
  if (method === undefined) return asked.get(id)?.(request);
  if (method === 'initialize') return say({ id, result: { ok: true } });
  if (method === 'health') return say({ id, result: { status: 'ok' } });
  if (method === 'shutdown') process.exit(0);
  const { config = {} } = params;
  const result = ANSWERS[method] ?? {};
  const wrong = wrongFor(method, config);
  if (wrong) return wrong(request, result, config);
  say({ id, result });
});
