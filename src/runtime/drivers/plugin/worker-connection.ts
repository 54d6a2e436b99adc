import type { Readable, Writable } from 'node:stream';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import { failureText } from '../../../domain/driver-contract/failure-text.js';
import type { JsonObject } from '../../../domain/driver-contract/runtime-driver.js';
import { isJsonObject } from '../../../domain/driver-contract/json-object.js';
import { readLines } from './json-lines.js';
import { Redaction } from './redaction.js';
import type { WorkerLog } from './worker-log.js';
import { workerMessage } from './worker-message.js';

/** Bytes of one message; a command's whole output is in one. */
const MAX_LINE = 64 * 1024 * 1024;
const MAX_ERROR_LINE = 64 * 1024;
/** Lines that are not messages, after which a worker is not read any more. */
const MAX_RUBBISH = 10_000;
/** Answers that a worker does not read are kept up to this many bytes, then dropped. */
const MAX_UNREAD = 1024 * 1024;
/** Characters of the id of a worker's own call, which is sent back. */
const MAX_ID = 1_000;
const METHOD_NOT_FOUND = -32_601;
const METHOD_NOT_IMPLEMENTED = -32_004;

export interface WorkerCall {
  readonly method: string;
  readonly params: JsonObject;
  /** Whose call it is: the worker gets it as the scope of its invocation. */
  readonly companyId?: string;
  /** In milliseconds. */
  readonly budgetMs: number;
  readonly signal?: AbortSignal;
  /** Values in the call, which a refusal of it must not repeat. */
  readonly secrets?: readonly string[];
  /** Pieces of a command's output while it runs. */
  readonly onOutput?: (stream: 'stdout' | 'stderr', chunk: string) => void;
}

/** The worker has answered that it will not, or cannot. */
export class WorkerRefusal extends DriverError {
  constructor(
    message: string,
    /** Whether it does not have the method at all. */
    readonly isUnknownMethod: boolean,
  ) {
    super('permanent', isUnknownMethod ? 'unsupported_operation' : 'driver_failed', message, !isUnknownMethod);
  }
}

interface Pending {
  readonly call: WorkerCall;
  readonly settle: (outcome: { readonly result: unknown } | { readonly error: Error }) => void;
}

/** JSON-RPC 2.0 with one worker process, a message a line. What the worker says wrongly is noted and has no effect. */
export class WorkerConnection {
  private readonly pending = new Map<string, Pending>();
  private nextId = 1;
  private rubbish = 0;
  private ended: DriverError | null = null;

  /** @param onHopeless told once the worker's output cannot be followed any more */
  constructor(
    private readonly streams: { readonly stdin: Writable; readonly stdout: Readable; readonly stderr: Readable },
    private readonly log: WorkerLog,
    private readonly onHopeless: () => void,
  ) {
    streams.stdin.on('error', () => undefined);
    readLines(
      streams.stdout,
      MAX_LINE,
      (line) => this.read(line),
      () => {
        log.note('stdout', 'A line is too long.');
        onHopeless();
      },
    );
    const note = (line: string): void => log.note('stderr', line);
    readLines(streams.stderr, MAX_ERROR_LINE, note, () => note('A line is too long.'));
  }

  /**
   * The result of a call. Once it is given up, an answer to it is nobody's any more.
   * @throws WorkerRefusal, DriverError connection_lost, budget_exceeded (both transient, in doubt), or what the signal was
   * aborted with
   */
  call(call: WorkerCall): Promise<unknown> {
    const { method, params, companyId, budgetMs, signal } = call;
    if (this.ended) return Promise.reject(this.ended);
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const id = `leasehold-${this.nextId}`;
    this.nextId += 1;
    return new Promise((resolve, reject) => {
      const settle: Pending['settle'] = (outcome) => {
        this.pending.delete(id);
        clearTimeout(timer);
        signal?.removeEventListener('abort', aborted);
        if ('error' in outcome) reject(outcome.error);
        else resolve(outcome.result);
      };
      const aborted = (): void => settle({ error: signal?.reason as Error });
      const tooLate = (): void => settle({ error: exceeded(method, budgetMs) });
      const timer = setTimeout(tooLate, budgetMs);
      signal?.addEventListener('abort', aborted);
      this.pending.set(id, { call, settle });
      const scope = companyId === undefined ? {} : { paperclipInvocation: { id, scope: { companyId } } };
      this.send({ jsonrpc: '2.0', id, method, params, ...scope });
    });
  }

  /** The process is gone: no call will be answered. */
  end(error: DriverError): void {
    this.ended ??= error;
    for (const { settle } of [...this.pending.values()]) settle({ error });
  }

  private read(line: string): void {
    const said = workerMessage(line);
    if (said.kind !== 'message') {
      if (said.kind === 'excess') this.tooLarge(said);
      else this.ignore(`Not a message: ${line.slice(0, 200)}`);
      return;
    }
    const { message } = said;
    const { id, method } = message;
    if (typeof method === 'string') {
      if (id === undefined) this.notified(method, message);
      else this.refuse(id, method);
      return;
    }
    const pending = typeof id === 'string' ? this.pending.get(id) : undefined;
    if (!pending) {
      this.ignore('An answer to an unknown call, or a late or second answer.');
      return;
    }
    const { call, settle } = pending;
    const { error } = message;
    if (isJsonObject(error)) settle({ error: refusalOf(call, error) });
    else if ('result' in message) settle({ result: message['result'] });
    else this.ignore('An answer without a result.');
  }

  private tooLarge({ why, id }: { readonly why: string; readonly id: string | null }): void {
    this.ignore(`A message ${why}.`);
    const pending = id === null ? undefined : this.pending.get(id);
    const text = `The plugin’s answer to ${pending?.call.method} ${why}.`;
    pending?.settle({ error: new DriverError('permanent', 'driver_failed', text, true) });
  }

  private ignore(what: string): void {
    this.rubbish += 1;
    this.log.note('stdout', what);
    if (this.rubbish === MAX_RUBBISH) this.onHopeless();
  }

  /** The host of this protocol offers a worker much that there is not here. */
  private refuse(id: unknown, method: string): void {
    if (typeof id !== 'number' && (typeof id !== 'string' || id.length > MAX_ID)) {
      this.ignore('A call with an id that is neither a number nor a short text.');
      return;
    }
    const message = `Method not found: ${method.slice(0, 100)}`;
    this.send({ jsonrpc: '2.0', id, error: { code: METHOD_NOT_FOUND, message } });
  }

  private notified(method: string, { params, paperclipInvocationId: of }: JsonObject): void {
    if (!isJsonObject(params)) return;
    const { level, message, stream, chunk } = params;
    if (method === 'log' && typeof message === 'string')
      this.log.note(typeof level === 'string' ? level : 'log', message);
    const pending = typeof of === 'string' ? this.pending.get(of) : undefined;
    if (method !== 'execute.log' || (stream !== 'stdout' && stream !== 'stderr') || typeof chunk !== 'string') return;
    pending?.call.onOutput?.(stream, chunk);
  }

  private send(message: JsonObject): void {
    const { stdin } = this.streams;
    if (!('method' in message) && stdin.writableLength > MAX_UNREAD) return;
    if (stdin.writable) stdin.write(`${JSON.stringify(message)}\n`);
  }
}

/** Without the call's own secrets. Those of other calls stay: whoever could make a worker repeat a text could guess at them. */
function refusalOf({ method, secrets = [] }: WorkerCall, { code, message }: JsonObject): WorkerRefusal {
  const redaction = new Redaction();
  redaction.add(secrets);
  const text = failureText(redaction.text(typeof message === 'string' ? message : 'No reason was given.'));
  return new WorkerRefusal(`${method}: ${text}`, code === METHOD_NOT_FOUND || code === METHOD_NOT_IMPLEMENTED);
}

function exceeded(method: string, budgetMs: number): DriverError {
  const message = `The plugin has not answered ${method} within ${budgetMs} ms.`;
  return new DriverError('transient', 'budget_exceeded', message, true);
}
