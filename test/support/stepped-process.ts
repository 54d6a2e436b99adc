import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ServiceProcess } from './service.js';

const MAIN = join(import.meta.dirname, 'stepped-service.mjs');

type Told = { readonly step: string } | { readonly at: string } | { readonly told: true };

/** A service process that tells of its steps and can be made to stop at one of them: see stepped-service.mjs. */
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
    const { PATH = '', HOME = '' } = process.env;
    const env = { PATH, HOME, PORT: '0', ...settings };
    const service = new SteppedProcess(fork(MAIN, [], { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] }));
    if (settings['LEASEHOLD_ROLE'] === 'worker') await service.working();
    else await service.listening();
    return service;
  }

  async record(): Promise<void> {
    await this.tell({ record: true });
  }

  /** @returns a promise that resolves when it has stopped at the step, or has ended without. */
  async arm(step: string): Promise<{ readonly stopped: Promise<boolean> }> {
    const stopped = new Promise<boolean>((resolve) => {
      this.forked.on('message', (message: Told) => {
        if ('at' in message && message.at === step) resolve(true);
      });
      this.forked.once('exit', () => resolve(false));
    });
    await this.tell({ arm: step });
    return { stopped };
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
