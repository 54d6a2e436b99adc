import type { Writable } from 'node:stream';
import { DriverError } from '../../driver-error.js';

/** Hands on what a command prints, both its streams, until that is more than it may. */
export class CommandOutput {
  private left: number;

  /** @param over called once, when it has printed too much */
  constructor(
    private readonly targets: readonly [stdout: Writable, stderr: Writable],
    private readonly outputBytes: number,
    private readonly over: (why: DriverError) => void,
  ) {
    this.left = outputBytes;
  }

  /** @param taken called when there is room for as much again */
  write(stream: 0 | 1, data: Buffer, taken: () => void): void {
    const target = this.targets[stream];
    const had = this.left;
    this.left -= data.length;
    if (had >= 0 && this.left < 0) {
      this.over(limitExceeded(`The command printed more than outputBytes, ${this.outputBytes}, and was ended.`));
    }
    // Whoever does not listen any more does not hold the command up, nor does what is too much hold up its end.
    if (this.left < 0 || target.destroyed || target.writableEnded) taken();
    else target.write(data, () => taken());
  }
}

export function limitExceeded(message: string): DriverError {
  return new DriverError('permanent', 'limit_exceeded', message, true);
}
