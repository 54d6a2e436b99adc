import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import { failureText } from '../../../domain/driver-contract/failure-text.js';
import { readProgram } from '../../../platform/programs/read-program.js';
import { Places } from './places.js';

/** ssh2 takes 15 ms for a round of `ssh-keygen -a`, whose default is 16 or 24. */
const MOST_CPU_SECONDS = 10;
/** Each is a process of 60 MB. */
const places = new Places(2);

/** The file says what it reads and prints. */
const PROGRAM = readProgram(import.meta.dirname, 'decrypt-key.mjs');

/**
 * Decrypts a private key in a process of its own. How long that takes stands in the key, which is the caller's choice, so the
 * kernel limits the time on the processor; OpenSSL limits the memory for scrypt to 32 MiB by itself.
 * @throws DriverError authentication_failed, without anything of the key; budget_exceeded
 */
export function decryptedKey(
  pem: string,
  passphrase: string,
  budgetMs: number,
  cpuSeconds = MOST_CPU_SECONDS,
): Promise<string> {
  const signal = AbortSignal.timeout(budgetMs);
  return places
    .use(signal, () => decryptedBy(signal, { pem, passphrase }, cpuSeconds))
    .catch((error: unknown) => {
      if (!signal.aborted) throw error;
      const message = `Decrypting the private key took longer than ${budgetMs} ms.`;
      throw new DriverError('transient', 'budget_exceeded', message, false);
    });
}

async function decryptedBy(
  signal: AbortSignal,
  key: { readonly pem: string; readonly passphrase: string },
  cpuSeconds: number,
): Promise<string> {
  const limited = [
    '-c',
    `ulimit -t ${cpuSeconds} && exec "$@"`,
    'sh',
    process.execPath,
    '--input-type=module',
    '-e',
    PROGRAM,
  ];
  const child = spawn('/bin/sh', limited, {
    env: {},
    stdio: ['pipe', 'pipe', 'ignore'],
    // Out of the reach of Ctrl-C, which would look like the end of its time.
    detached: true,
    signal,
    killSignal: 'SIGKILL',
  });
  const ended = new Promise<{ code: number | null }>((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve({ code }));
  });
  // One that ends before it has read all is judged by how it ended.
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify({ ...key, ssh2: createRequire(import.meta.url).resolve('ssh2') }));
  const [{ code }, decrypted] = await Promise.all([ended, text(child.stdout)]).catch((error: unknown) => {
    throw new DriverError(
      'transient',
      'driver_failed',
      `The private key is not decrypted: ${failureText(error)}`,
      false,
    );
  });
  if (code === 0) return decrypted;
  if (code !== null) throw unusableKey('cannot be decrypted with its passphrase');
  throw unusableKey(
    `takes more than ${cpuSeconds} s to decrypt: it was encrypted with too many rounds. ` +
      'Encrypt it again with fewer (`ssh-keygen -p -a 16`)',
  );
}

export function unusableKey(why: string): DriverError {
  return new DriverError('auth', 'authentication_failed', `The private key ${why}.`, false);
}
