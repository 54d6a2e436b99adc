import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { newId } from '../../../event-sourcing/ids/new-id.js';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import { failureText } from '../../../domain/driver-contract/failure-text.js';
import { isJsonObject } from '../../../domain/driver-contract/json-object.js';
import type { PluginPackage } from './plugin-package.js';
import { Redaction } from './redaction.js';
import { WorkerConnection, type WorkerCall } from './worker-connection.js';
import { WorkerLog } from './worker-log.js';
import { endGroup, startNode, type NodeProcess } from './worker-process.js';

const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 30_000;
/** A worker that does not say within this time that it is well, is not. */
const HEALTH_MS = 5_000;
const SHUTDOWN_MS = 3_000;

/** What a worker is told of who runs it. */
export interface HostInfo {
  readonly instanceId: string;
  readonly hostVersion: string;
}

interface Running {
  readonly process: NodeProcess;
  readonly connection: WorkerConnection;
  readonly redaction: Redaction;
  readonly ended: Promise<void>;
  readonly methods: ReadonlySet<string>;
}

/**
 * A plugin's worker process: started by the first call, and again by the first one after it has ended, each time a little
 * later as long as it answers nothing. Its calls share it, so that one of them never waits for another.
 */
export class PluginWorker {
  private running: Promise<Running> | null = null;
  private failures = 0;
  private notBefore = 0;
  private readonly closing = new AbortController();

  /** @param write where what the worker says besides goes */
  constructor(
    private readonly plugin: PluginPackage,
    private readonly startMs: number,
    private readonly write: (line: string) => void,
    private readonly host: HostInfo = { instanceId: newId(), hostVersion: '0' },
  ) {}

  /**
   * @param secrets values in the call, which are taken out of its refusal, and of all that the worker logs from then on
   * @throws WorkerRefusal, DriverError connection_lost, budget_exceeded, or what the signal was aborted with
   */
  async call(call: WorkerCall, secrets: readonly string[] = []): Promise<unknown> {
    const worker = await abortable(this.worker(), call.signal);
    worker.redaction.add(secrets);
    try {
      const result = await worker.connection.call({ ...call, secrets });
      this.failures = 0;
      return result;
    } catch (error) {
      if (error instanceof DriverError && error.reasonCode === 'budget_exceeded') void this.endIfUnwell(worker);
      throw error;
    }
  }

  /** What it says that it serves. @throws DriverError connection_lost */
  async methods(): Promise<ReadonlySet<string>> {
    return (await this.worker()).methods;
  }

  /** Asks the worker to end, and ends it and what it has started. */
  async close(): Promise<void> {
    this.closing.abort();
    const worker = await this.running?.catch(() => null);
    if (!worker) return;
    await worker.connection.call({ method: 'shutdown', params: {}, budgetMs: SHUTDOWN_MS }).catch(() => undefined);
    endGroup(worker.process);
    await worker.ended;
  }

  private worker(): Promise<Running> {
    if (this.running) return this.running;
    const starting = this.start();
    this.running = starting;
    starting.catch(() => {
      if (this.running === starting) this.running = null;
    });
    return starting;
  }

  private async start(): Promise<Running> {
    await pause(Math.max(0, this.notBefore - performance.now()), null, { signal: this.closing.signal }).catch(() => {
      throw this.gone('The service is shutting down.', false);
    });
    // Until it has answered, it counts as a failure.
    this.failures += 1;
    const backoff = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (this.failures - 1));
    const { manifest, key, worker, folder } = this.plugin;
    const child = startNode([worker], folder);
    const redaction = new Redaction();
    const log = new WorkerLog(key, redaction, this.write);
    const connection = new WorkerConnection(child, log, () => endGroup(child));
    child.on('error', (error) => log.note('start', error.message));
    const ended = once(child, 'close').then(
      () => undefined,
      () => undefined,
    );
    // Its own children may hold its pipes open, so that 'close' would not come.
    child.once('exit', () => endGroup(child));
    void ended.then(() => {
      this.running = null;
      this.notBefore = performance.now() + backoff;
      connection.end(this.gone('It ended.', true));
    });
    try {
      const { apiVersion } = manifest;
      const params = { manifest, config: {}, instanceInfo: this.host, apiVersion: apiVersion ?? 1 };
      const { signal } = this.closing;
      const answer = await connection.call({ method: 'initialize', params, budgetMs: this.startMs, signal });
      const { ok, supportedMethods } = isJsonObject(answer) ? answer : {};
      if (ok !== true) throw new Error('It did not report that it is ready.');
      const methods = new Set<string>(Array.isArray(supportedMethods) ? supportedMethods : []);
      return { process: child, connection, redaction, ended, methods };
    } catch (error) {
      endGroup(child);
      await ended;
      throw this.gone(failureText(error), false);
    }
  }

  /** One call that is not answered is its own affair; a worker that answers nothing is started again. */
  private async endIfUnwell({ connection, process: child }: Running): Promise<void> {
    try {
      await connection.call({ method: 'health', params: {}, budgetMs: HEALTH_MS });
    } catch (error) {
      if (error instanceof DriverError && error.reasonCode === 'budget_exceeded') endGroup(child);
    }
  }

  private gone(why: string, inDoubt: boolean): DriverError {
    const message = `The plugin ${this.plugin.key} does not answer: ${why}`;
    return new DriverError('transient', 'connection_lost', message, inDoubt);
  }
}

/** A wait that the signal ends; what is waited for goes on. */
export function abortable<T>(wait: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return wait;
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(signal.reason as Error);
    if (signal.aborted) aborted();
    signal.addEventListener('abort', aborted);
    const over = (): void => signal.removeEventListener('abort', aborted);
    wait.then(resolve, reject).finally(over);
  });
}
