import { pipeline } from 'node:stream';
import { DriverError } from '../../../../domain/driver-contract/driver-error.js';
import { failureText } from '../../../../domain/driver-contract/failure-text.js';
import type { ExecutionResult } from '../../../../domain/driver-contract/runtime-driver.js';
import type { BubblewrapConfig } from './bubblewrap-config.js';
import { CommandInput } from './command-input.js';
import { CommandOutput } from './command-output.js';
import { Grants } from './grants.js';
import { LimitWatch } from './limit-watch.js';
import { endSandbox, type RunningSandbox } from './running-sandbox.js';
import type { SandboxCommand } from './sandbox-command.js';
import { signalName } from '../../signal-name.js';
import { frame, FrameReader, startData, type Frame } from './supervisor-frames.js';

/** After it was asked to end a command, the supervisor has this long: more than its own grace. */
const END_WITHIN_MS = 5_000;
const START_WITHIN_MS = 10_000;
const SAID_BYTES = 4_096;

interface Running {
  readonly output: CommandOutput;
  readonly input: CommandInput;
  settle(outcome: ExecutionResult | Error): void;
}

/** A sandbox that stays, with a supervisor in it that starts the commands of its lease: see supervisor-program.ts. */
export class HeldSandbox {
  private readonly commands = new Map<number, Running>();
  private readonly watch: LimitWatch;
  private readonly grants: Grants;
  private readonly ready: Promise<void>;
  private started: () => void = () => undefined;
  private failed: (why: Error) => void = () => undefined;
  /** Commands that wait for the watch to begin. */
  private waiting = 0;
  private last = 0;
  private why: Error | null = null;
  private said = '';

  /**
   * @param unusable called as soon as it cannot be used any more
   * @param gone called when nothing is left of it
   */
  constructor(
    private readonly sandbox: RunningSandbox,
    files: string,
    private readonly config: BubblewrapConfig,
    private readonly unusable: () => void,
    private readonly gone: () => void,
  ) {
    const late = setTimeout(() => this.break(lost('it did not start')), START_WITHIN_MS);
    this.ready = new Promise<void>((resolve, reject) => {
      this.started = resolve;
      this.failed = reject;
    }).finally(() => clearTimeout(late));
    this.ready.catch(() => undefined);
    this.watch = new LimitWatch(sandbox.init, files, config, (why) => this.break(why));
    const { stdin, stdout, stderr } = sandbox.child;
    this.grants = new Grants(stdin);
    const reader = new FrameReader();
    const onData = (chunk: Buffer): void => {
      try {
        for (const one of reader.read(chunk)) this.receive(one);
      } catch (error) {
        // Nothing that comes after it counts.
        stdout.off('data', onData).resume();
        this.break(lost(`its supervisor sent something unexpected (${failureText(error)})`));
      }
    };
    stdout.on('data', onData);
    stderr.setEncoding('utf8').on('data', (text: string) => (this.said = (this.said + text).slice(-SAID_BYTES)));
    sandbox.child.once('close', () => this.close());
  }

  get isBusy(): boolean {
    return this.commands.size + this.waiting > 0;
  }

  /** Runs a command. @throws DriverError limit_exceeded, driver_failed; what the signal was aborted with */
  async execute(command: SandboxCommand): Promise<ExecutionResult> {
    const { signal, stdin, stdout, stderr } = command;
    await this.ready;
    await this.beWatched(signal);
    signal.throwIfAborted();
    if (this.why) throw this.why;
    const { cpuSeconds, outputBytes } = this.config;
    const id = (this.last += 1);
    let timedOut = false;
    let unheard: NodeJS.Timeout | undefined;
    const end = (): void => {
      if (unheard) return;
      this.send(frame('K', id));
      unheard = setTimeout(() => this.break(lost('it did not stop a command that it was told to stop')), END_WITHIN_MS);
    };
    const timer = setTimeout(() => {
      timedOut = true;
      end();
    }, command.timeoutMs);
    signal.addEventListener('abort', end, { once: true });
    const input = new CommandInput((data) => this.send(frame('I', id, data)));
    try {
      const result = await new Promise<ExecutionResult>((resolve, reject) => {
        const tooMuch = (why: DriverError): void => {
          reject(why);
          end();
        };
        const settle = (outcome: ExecutionResult | Error): void => {
          clearTimeout(unheard);
          this.forget(id);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        };
        const taken = (stream: 0 | 1, bytes: number): void => {
          if (this.commands.has(id)) this.grants.add(id, stream, bytes);
        };
        const output = new CommandOutput([stdout, stderr], outputBytes, taken, tooMuch);
        this.commands.set(id, { output, input, settle });
        this.send(frame('S', id, startData(cpuSeconds, command.env, command.cwd, command.argv)));
        if (stdin) pipeline(stdin, input, () => undefined);
        else input.end();
      });
      signal.throwIfAborted();
      return { ...result, timedOut };
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      input.destroy();
    }
  }

  /** Ends it and all in it; resolves when nothing is left. */
  async end(): Promise<void> {
    this.giveUp(lost('it was stopped'));
    await endSandbox(this.sandbox);
  }

  private async beWatched(signal: AbortSignal): Promise<void> {
    this.waiting += 1;
    await this.watch.start();
    this.waiting -= 1;
    // Then there will be no command whose end ends the watch.
    if ((signal.aborted || this.why) && !this.isBusy) this.watch.stop();
  }

  private receive({ type, id, data }: Frame): void {
    if (type === 'H') {
      this.started();
      return;
    }
    const command = this.commands.get(id);
    if (!command) throw new Error('It refers to no command.');
    switch (type) {
      case 'O':
      case 'E':
        command.output.write(type === 'O' ? 0 : 1, data);
        return;
      case 'A':
        command.input.grant(data.readUInt32BE(0));
        return;
      case 'X':
        command.settle(endOf(data.readUInt16BE(0)));
        return;
      case 'F':
        command.settle(lost(`no command can be started in it (${failureText(data.toString('utf8'))})`));
        return;
      default:
        throw new Error('It is not a supervisor.');
    }
  }

  private send(bytes: Buffer): void {
    if (this.sandbox.child.stdin.writable) this.sandbox.child.stdin.write(bytes);
  }

  private forget(id: number): void {
    this.commands.delete(id);
    this.grants.forget(id);
    if (!this.isBusy) this.watch.stop();
  }

  private break(why: Error): void {
    this.giveUp(why);
    void endSandbox(this.sandbox);
  }

  private giveUp(why: Error): Error {
    if (this.why === null) this.unusable();
    return (this.why ??= why);
  }

  private close(): void {
    this.watch.stop();
    const why = this.giveUp(lost(this.said === '' ? 'it ended' : failureText(this.said.trim())));
    this.failed(why);
    for (const command of [...this.commands.values()]) command.settle(why);
    // Its streams close a moment before its processes are gone.
    void endSandbox(this.sandbox).then(() => this.gone());
  }
}

function lost(why: string): DriverError {
  return new DriverError('transient', 'connection_lost', `The sandbox was lost: ${why}.`, true);
}

/** As waitpid tells it. */
function endOf(status: number): ExecutionResult {
  const by = status & 0x7f;
  return by === 0
    ? { exitCode: status >> 8, signal: null, timedOut: false }
    : { exitCode: null, signal: signalName(by), timedOut: false };
}
