import { UnknownEventError } from './errors.js';
import type { RecordedEvent } from './events.js';

/** Whether the log holds what a newer release recorded, as far as this process has met it. */
export class NewerEvents {
  private first: UnknownEventError | null = null;
  private readonly listeners = new Set<(problem: UnknownEventError) => void>();

  /** The first one that was met; null: none. */
  get met(): UnknownEventError | null {
    return this.first;
  }

  meet(event: Pick<RecordedEvent, 'type' | 'schemaVersion' | 'position'>): void {
    if (this.first !== null) return;
    this.first = new UnknownEventError(event);
    for (const listener of this.listeners) listener(this.first);
  }

  /** Calls back when the first one is met. */
  onMet(listener: (problem: UnknownEventError) => void): void {
    this.listeners.add(listener);
  }

  forget(): void {
    this.first = null;
  }
}
