import type { Writable } from 'node:stream';
import { DriverError } from '../../../../domain/driver-contract/driver-error.js';
import { WINDOW } from './command-input.js';

/** Hands on what a command prints, both its streams, until that is more than it may. */
export class CommandOutput {
  private readonly streams: readonly [OutputStream, OutputStream];
  private left: number;

  /**
   * @param taken called when there is room for this many bytes again
   * @param over called once, when it has printed too much
   */
  constructor(
    [stdout, stderr]: readonly [stdout: Writable, stderr: Writable],
    private readonly outputBytes: number,
    private readonly taken: (stream: 0 | 1, bytes: number) => void,
    private readonly over: (why: DriverError) => void,
  ) {
    this.left = outputBytes;
    this.streams = [
      new OutputStream(stdout, (bytes) => taken(0, bytes)),
      new OutputStream(stderr, (bytes) => taken(1, bytes)),
    ];
  }

  /** @throws Error when that is more than there was room for */
  write(stream: 0 | 1, data: Buffer): void {
    const had = this.left;
    this.left -= data.length;
    if (had >= 0 && this.left < 0) {
      this.over(limitExceeded(`The command printed more than outputBytes (${this.outputBytes}) and was stopped.`));
    }
    // What is too much does not hold up its end.
    if (this.left < 0) this.taken(stream, data.length);
    else this.streams[stream].write(data);
  }
}

/**
 * One stream on its way to its target. The window is counted here too: what is in a sandbox may forge what its supervisor says. What
 * comes while the target is behind is copied together: bytes that come one by one would each cost a hundred.
 */
class OutputStream {
  private untaken = 0;
  private isBehind = false;
  private waiting: { readonly room: Buffer; used: number } | null = null;

  constructor(
    private readonly target: Writable,
    private readonly taken: (bytes: number) => void,
  ) {}

  write(data: Buffer): void {
    this.untaken += data.length;
    if (this.untaken > WINDOW) throw new Error('It sends more than the window allows.');
    if (!this.isBehind) {
      this.pass(data);
      return;
    }
    this.waiting ??= { room: Buffer.allocUnsafeSlow(WINDOW), used: 0 };
    this.waiting.used += data.copy(this.waiting.room, this.waiting.used);
  }

  private pass(data: Buffer): void {
    const passed = (): void => {
      this.untaken -= data.length;
      this.isBehind = false;
      const next = this.waiting;
      this.waiting = null;
      if (next) this.pass(next.room.subarray(0, next.used));
      this.taken(data.length);
    };
    // A caller that no longer listens does not hold the command up.
    if (this.target.destroyed || this.target.writableEnded) {
      passed();
      return;
    }
    this.isBehind = true;
    this.target.write(data, passed);
  }
}

export function limitExceeded(message: string): DriverError {
  return new DriverError('permanent', 'limit_exceeded', message, true);
}
