import { ConsoleLogger } from '@nestjs/common';
import { Pace } from './pace.js';

/** Plugins write these lines themselves. */
const NOT_PACED = 'Plugins';

/** One for the process: it has one console. What waits is written when the process ends. */
const pace = new Pace();
process.once('exit', () => pace.writeAll());

/** Writes warnings and errors no faster than they can be read, however often something fails. */
export class PacedLogger extends ConsoleLogger {
  override warn(message: unknown, ...more: unknown[]): void {
    this.write(message, more, (text) => super.warn(text, ...more));
  }

  override error(message: unknown, ...more: unknown[]): void {
    this.write(message, more, (text) => super.error(text, ...more));
  }

  private write(message: unknown, more: readonly unknown[], write: (text: unknown) => void): void {
    const context = more.at(-1);
    if (typeof message !== 'string' || context === NOT_PACED) write(message);
    else pace.say(`${typeof context === 'string' ? context : ''}: ${message}`, (suffix) => write(message + suffix));
  }
}
