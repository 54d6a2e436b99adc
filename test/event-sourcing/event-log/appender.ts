import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Connection } from '../../support/database.js';
import type { Outcome, Plan } from './append-plan.js';

/** Another process with a log of its own on the same database. */
export class Appender {
  private constructor(private readonly child: ChildProcess) {}

  static async start(connection: Connection): Promise<Appender> {
    const child = fork(fileURLToPath(new URL('./appender-process.mjs', import.meta.url)), [JSON.stringify(connection)]);
    const appender = new Appender(child);
    await appender.answer();
    return appender;
  }

  async carryOut(plan: Plan): Promise<Outcome[]> {
    this.child.send(plan);
    return (await this.answer()) as Outcome[];
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.disconnect();
    await exited;
  }

  private async answer(): Promise<unknown> {
    const settled = new AbortController();
    const { signal } = settled;
    try {
      return await Promise.race([
        once(this.child, 'message', { signal }).then(([message]: unknown[]) => message),
        once(this.child, 'exit', { signal }).then(([code]) => {
          throw new Error(`The appender process ended with code ${String(code)}.`);
        }),
      ]);
    } finally {
      settled.abort();
    }
  }
}
