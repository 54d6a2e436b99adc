import type { Readable, Writable } from 'node:stream';

/** A command as a sandbox is told of it. */
export interface SandboxCommand {
  readonly argv: readonly string[];
  /** Absolute, inside. */
  readonly cwd: string;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Readable | null;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}
