import { createHash, type Hash } from 'node:crypto';
import { finished } from 'node:stream/promises';
import type { Readable, Writable } from 'node:stream';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import type { ExecuteRequest, ExecutionResult, JsonObject } from '../../../domain/driver-contract/runtime-driver.js';
import { signalNamed } from '../signal-name.js';
import { isJsonObject } from '../../../domain/driver-contract/json-object.js';
import { readProgram } from '../../../platform/programs/read-program.js';

/** Bytes of a command's input, which is one text in one message. */
const MAX_INPUT = 32 * 1024 * 1024;

/** Bytes, and pieces, that nobody has read yet: what is more comes with the whole. */
const MAX_UNREAD = 4 * 1024 * 1024;
const MAX_UNREAD_PIECES = 10_000;

const IN_BASE64 = readProgram(import.meta.dirname, 'in-base64.sh');

export interface TextCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly stdin: string;
  /** Whether what it prints comes back in base64. */
  readonly isEncoded: boolean;
}

/** The command as the protocol can carry it. @throws DriverError limit_exceeded */
export async function textCommand({ command, args, stdin, bytes = false }: ExecuteRequest): Promise<TextCommand> {
  const input = stdin === null ? Buffer.alloc(0) : await inputOf(stdin);
  if (!bytes && isText(input)) return { command, args, stdin: input.toString('utf8'), isEncoded: false };
  const shell = ['-c', IN_BASE64, 'sh', bytes ? 'both' : 'in', command, ...args];
  return { command: 'sh', args: shell, stdin: input.toString('base64'), isEncoded: bytes };
}

/** What of an output has been sent in pieces. */
interface Sent {
  length: number;
  readonly digest: Hash;
  /** Since all of them were read. */
  unread: number;
}

/**
 * What a command prints: pieces as they come, where the plugin sends them, and the rest of the whole at the end. Of what was
 * sent a digest is kept: a piece of one character takes a hundred bytes.
 */
export class CommandOutput {
  private readonly sent = { stdout: nothingSent(), stderr: nothingSent() };
  private readonly full = new Set<'stdout' | 'stderr'>();

  constructor(
    private readonly request: ExecuteRequest,
    private readonly isEncoded: boolean,
  ) {}

  piece(stream: 'stdout' | 'stderr', chunk: string): void {
    if ((stream === 'stdout' && this.isEncoded) || this.full.has(stream) || chunk === '') return;
    const [to, sent] = [this.request[stream], this.sent[stream]];
    sent.unread = to.writableLength === 0 ? 0 : sent.unread + 1;
    if (to.writableLength > MAX_UNREAD || sent.unread > MAX_UNREAD_PIECES) {
      this.full.add(stream);
      return;
    }
    sent.length += chunk.length;
    sent.digest.update(chunk, 'utf16le');
    to.write(chunk);
  }

  /** @throws DriverError driver_failed; limit_exceeded when some of the output was not taken */
  async whole(answer: unknown): Promise<ExecutionResult> {
    const { exitCode, signal = null, timedOut, stdout, stderr } = isJsonObject(answer) ? answer : ({} as JsonObject);
    const isEnd =
      (exitCode === null || Number.isSafeInteger(exitCode)) && (signal === null || typeof signal === 'string');
    if (!isEnd || typeof timedOut !== 'boolean' || typeof stdout !== 'string' || typeof stderr !== 'string') {
      throw new DriverError('permanent', 'driver_failed', 'The plugin’s answer is not the end of a command.', true);
    }
    await this.rest('stdout', stdout);
    await this.rest('stderr', stderr);
    return { exitCode: exitCode as number | null, signal: signal === null ? null : signalNamed(signal), timedOut };
  }

  private async rest(stream: 'stdout' | 'stderr', whole: string): Promise<void> {
    if (stream === 'stdout' && this.isEncoded) return written(this.request[stream], Buffer.from(whole, 'base64'));
    const { length, digest } = this.sent[stream];
    const begin = createHash('sha256').update(whole.slice(0, length), 'utf16le');
    const isRepeated = begin.digest('hex') === digest.digest('hex');
    // A plugin that has sent pieces need not repeat them, as long as all of them were taken.
    if (!isRepeated && this.full.has(stream)) {
      throw new DriverError('permanent', 'limit_exceeded', 'The command printed faster than it was read.', true);
    }
    await written(this.request[stream], isRepeated ? whole.slice(length) : '');
  }
}

function nothingSent(): Sent {
  return { length: 0, digest: createHash('sha256'), unread: 0 };
}

async function inputOf(stdin: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stdin as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(chunk as Buffer);
    length += bytes.length;
    if (length > MAX_INPUT) {
      const message = `A plugin’s command takes at most ${MAX_INPUT} bytes of input.`;
      throw new DriverError('config', 'limit_exceeded', message, false);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function isText(bytes: Buffer): boolean {
  return !bytes.includes(0) && Buffer.from(bytes.toString('utf8')).equals(bytes);
}

/** Waits until the reader has room again. */
async function written(stream: Writable, data: string | Buffer): Promise<void> {
  if (data.length === 0 || stream.write(data)) return;
  await Promise.race([
    new Promise((resolve) => stream.once('drain', resolve)),
    finished(stream).catch(() => undefined),
  ]);
}
