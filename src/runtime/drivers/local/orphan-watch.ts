import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { readProgram } from '../../../platform/programs/read-program.js';

const SCRIPT = readProgram(import.meta.dirname, 'orphan-watch.sh');

/**
 * Ends the process groups of commands whose service was killed and could not end them itself: a process beside it that
 * reads from a pipe which the kernel closes with the service, whatever ends that.
 */
export class OrphanWatch {
  private watcher: ChildProcess | null = null;

  begun(group: number): void {
    this.tell(`begun ${group}`);
  }

  ended(group: number): void {
    this.tell(`ended ${group}`);
  }

  close(): void {
    this.watcher?.stdin?.end();
    this.watcher = null;
  }

  private tell(line: string): void {
    this.watcher ??= this.start();
    this.watcher.stdin?.write(`${line}\n`);
  }

  private start(): ChildProcess {
    // Of a session of its own: what ends the service's group, such as Ctrl-C, comes before its time.
    const watcher = spawn('/bin/sh', ['-c', SCRIPT, 'leasehold-watch'], {
      env: {},
      cwd: '/',
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    watcher.on('error', () => undefined);
    watcher.stdin.on('error', () => undefined);
    // It is no reason for the service to go on.
    watcher.unref();
    if (watcher.stdin instanceof Socket) watcher.stdin.unref();
    return watcher;
  }
}
