/** Whether slow work can be queued and is done. What has the queue provides it. */
export abstract class QueueHealth {
  /** In words; null: none. */
  abstract problem(): Promise<string | null>;
}
