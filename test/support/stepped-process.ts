import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { bareEnvironment } from './bare-environment.js';
import { ServiceProcess } from './service.js';

const MAIN = join(import.meta.dirname, 'stepped-service.mjs');

type Told = { readonly step: string } | { readonly at: string } | { readonly told: true };

interface Armed {
  /** Waits until every step holds somebody. @returns those that do not after that time */
  missing(withinMs: number): Promise<string[]>;
}

/** A service process that tells of its steps and can be made to be held at some of them: see stepped-service.mjs. */
export class SteppedProcess extends ServiceProcess {
  /** The steps that it has taken since `record`. */
  readonly steps: string[] = [];

  private constructor(private readonly forked: ChildProcess) {
    super(forked);
    forked.on('message', (message: Told) => {
      if ('step' in message) this.steps.push(message.step);
    });
  }

  static async start(settings: Readonly<Record<string, string>>): Promise<SteppedProcess> {
    const env = { ...bareEnvironment(), PORT: '0', ...settings };
    const service = new SteppedProcess(fork(MAIN, [], { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] }));
    if (settings['LEASEHOLD_ROLE'] === 'worker') await service.working();
    else await service.listening();
    return service;
  }

  async record(): Promise<void> {
    await this.tell({ record: true });
  }

  /** From now on each of these steps holds the first that comes to it, for good. */
  async arm(steps: readonly string[]): Promise<Armed> {
    const free = new Set(steps);
    const allHeld = new Promise<void>((resolve) => {
      this.forked.on('message', (message: Told) => {
        if ('at' in message && free.delete(message.at) && free.size === 0) resolve();
      });
      this.forked.once('exit', resolve);
    });
    await this.tell({ arm: steps });
    return {
      missing: async (withinMs) => {
        await Promise.race([allHeld, pause(withinMs, null, { ref: false })]);
        return [...free];
      },
    };
  }

  private async tell(message: object): Promise<void> {
    const heard = new Promise<void>((resolve) => {
      const listen = (answer: Told): void => {
        if (!('told' in answer)) return;
        this.forked.off('message', listen);
        resolve();
      };
      this.forked.on('message', listen);
    });
    this.forked.send(message);
    await Promise.race([heard, once(this.forked, 'exit')]);
  }
}
