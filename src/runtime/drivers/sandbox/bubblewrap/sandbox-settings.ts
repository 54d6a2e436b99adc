import { MOST, type SandboxMost } from './bubblewrap-config.js';

/** What the service tells of itself to those who make sandboxes. */
export interface SandboxSettings {
  /** Folders of which nothing is shown in a sandbox, besides the data folder. */
  readonly hidden: readonly string[];
  readonly most: SandboxMost;
  /** Whether a token was ever made: until then whoever reaches the service on loopback is its operator. */
  readonly someTokenMade: () => Promise<boolean>;
  /** The id of the log whose leases they are made for; null where there is none. */
  readonly logId: () => Promise<string | null>;
}

export const ALONE: SandboxSettings = {
  hidden: [],
  most: MOST,
  someTokenMade: () => Promise.resolve(true),
  logId: () => Promise.resolve(null),
};
