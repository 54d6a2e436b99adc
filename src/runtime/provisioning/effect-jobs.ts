import { newId } from '../../event-sourcing/ids/new-id.js';
import type { FetchedJob, Fetcher, QueueStore } from './queue-store.js';
import { Reopened } from './reopened.js';

const READY_MS = 5_000;

/** An effect that this process has taken from the queue. It is nobody else's until one of the three is called. */
export interface EffectJob {
  readonly leaseId: string;
  readonly effectId: string;
  /** The queue forgets it. Should it still be pending, the sweep offers it again. */
  done(): Promise<void>;
  /** @param at ISO 8601 */
  again(at: string): Promise<void>;
  giveBack(): Promise<void>;
}

/** Takes effects from the queue, and keeps them as its own by renewing their locks. */
export class EffectJobs {
  private readonly fetcher: Reopened<Fetcher>;
  /** Tokens of the locks by the jobs' ids. */
  private readonly held = new Map<string, string>();
  private readonly name = newId();
  private taken = 0;
  private error: Error | null = null;
  private readonly renewal: NodeJS.Timeout;

  constructor(
    store: QueueStore,
    private readonly lockMs: number,
    onError: (error: Error) => void,
  ) {
    const heard = (error: Error): void => {
      this.error = error;
      onError(error);
    };
    this.fetcher = new Reopened((listener) => {
      const fetcher = store.fetcher(listener);
      void fetcher.waitUntilReady().then(
        () => fetcher.startStalledCheckTimer(),
        () => undefined,
      );
      return fetcher;
    }, heard);
    this.renewal = setInterval(() => void this.renew().catch(onError), lockMs / 4);
  }

  /**
   * Waits some seconds for one.
   * @throws what keeps it from that: to be asked again after a pause
   */
  async next(): Promise<EffectJob | null> {
    const { error } = this;
    this.error = null;
    if (error) throw error;
    const fetcher = await this.fetcher.get(READY_MS);
    this.taken += 1;
    const token = `${this.name}:${this.taken}`;
    // The first look says when the next delayed one is due, for which the second one waits.
    const job = (await take(fetcher, token, false)) ?? (await take(fetcher, token, true));
    return job ? this.hold(job, token) : null;
  }

  /** Ends a wait for a job: none is taken any more. */
  async interrupt(): Promise<void> {
    await (await this.fetcher.get(0)).interrupt();
  }

  /** What it still holds is another process's once the locks have lapsed. */
  async close(): Promise<void> {
    clearInterval(this.renewal);
    await this.fetcher.close();
  }

  private hold(job: FetchedJob, token: string): EffectJob {
    const effectId = job.id ?? '';
    this.held.set(effectId, token);
    const letGo = (): boolean => this.held.delete(effectId);
    return {
      leaseId: job.data.leaseId,
      effectId,
      done: () => job.moveToCompleted(undefined, token, false).then(nothing).finally(letGo),
      again: (at) => job.moveToDelayed(Date.parse(at), token).finally(letGo),
      giveBack: () => job.moveToWait(token).then(nothing).finally(letGo),
    };
  }

  private async renew(): Promise<void> {
    const held = [...this.held];
    if (held.length === 0) return;
    const fetcher = await this.fetcher.get(READY_MS);
    const ids = held.map(([id]) => id);
    const tokens = held.map(([, token]) => token);
    const lost = await fetcher.extendJobLocks(ids, tokens, this.lockMs);
    // Another process may have them: the log sees to it that both do no harm.
    for (const id of lost) this.held.delete(id);
  }
}

const nothing = (): void => undefined;

/** BullMQ's type does not say that there may be none. */
function take(fetcher: Fetcher, token: string, block: boolean): Promise<FetchedJob | undefined> {
  return fetcher.getNextJob(token, { block });
}
