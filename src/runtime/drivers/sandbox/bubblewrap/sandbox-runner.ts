import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { ExecutionResult } from '../../../../domain/driver-contract/runtime-driver.js';
import type { BubblewrapConfig } from './bubblewrap-config.js';
import { WINDOW } from './command-input.js';
import { followFresh, freshCommand, TOLD, TRIAL } from './fresh-sandbox.js';
import { HeldSandbox } from './held-sandbox.js';
import { HeldSandboxes } from './held-sandboxes.js';
import {
  endOrphans,
  endSandbox,
  markOf,
  placeOf,
  startSandbox,
  unavailable,
  type RunningSandbox,
} from './running-sandbox.js';
import { foldersToHide, limitArguments, namespaceArguments, sandboxArguments } from './sandbox-arguments.js';
import type { SandboxCommand } from './sandbox-command.js';
import type { SandboxFolders } from './sandbox-folders.js';
import type { SandboxTools } from './sandbox-tools.js';
import { SHARED_UID } from './sandbox-users.js';
import { SUPERVISOR, SYSTEM_CALLS } from './supervisor-program.js';

/** Runs commands in sandboxes: in held ones where a supervisor can run, else each in one of its own. */
export class SandboxRunner {
  private readonly held = new HeldSandboxes();
  private readonly supervisor: readonly string[] | null;
  private works = false;
  private readonly mark: string;
  private readonly hidden: readonly string[];
  private readonly orphansEnded: Promise<void>;

  constructor(
    private readonly tools: SandboxTools,
    private readonly folders: SandboxFolders,
    dataDir: string,
    hidden: readonly string[],
  ) {
    this.hidden = [dataDir, ...hidden];
    this.mark = markOf(dataDir);
    this.orphansEnded = endOrphans(this.mark).catch(() => undefined);
    const calls = SYSTEM_CALLS[process.arch];
    this.supervisor =
      tools.perl && calls ? ['/usr/bin/perl', '-e', SUPERVISOR, ...[...calls, WINDOW].map(String)] : null;
  }

  get holdsCommands(): boolean {
    return this.supervisor !== null;
  }

  /** Makes a sandbox and ends it, until that has worked once. @throws DriverError tool_missing, isolation_unavailable */
  async tryOut(): Promise<void> {
    if (this.works) return;
    const args = [...namespaceArguments(false, foldersToHide(this.hidden)), '--size', '4096', '--tmpfs', '/tmp'];
    const { child } = await startSandbox(this.tools, this.mark, { files: '/usr', uid: SHARED_UID }, args, TRIAL);
    const closed = once(child, 'close');
    child.stdin.end(TOLD);
    const [said] = await Promise.all([text(child.stderr), text(child.stdout), closed]);
    if (child.exitCode !== 0) throw unavailable(said.trim().split('\n').at(-1) ?? '');
    this.works = true;
  }

  /**
   * @param isHolder throws when the lease does not hold the sandbox any more
   * @throws DriverError stale_fence, limit_exceeded, connection_lost; what the command's signal was aborted with
   */
  async execute(
    name: string,
    config: BubblewrapConfig,
    isHolder: () => Promise<void>,
    command: SandboxCommand,
  ): Promise<ExecutionResult> {
    await isHolder();
    const files = this.folders.files(name);
    const { supervisor } = this;
    if (supervisor === null) {
      const limits = [...limitArguments(config), `--cpu=${config.cpuSeconds}:${config.cpuSeconds + 1}`];
      const words = [this.tools.prlimit, ...limits, '--', ...freshCommand(command)];
      const sandbox = await this.start(name, config, isHolder, words, command.env);
      return followFresh(sandbox, files, config, command).finally(() =>
        this.folders.forgetProcesses(name, sandbox.processes),
      );
    }
    const start = async (lost: () => void): Promise<HeldSandbox> => {
      const words = [this.tools.prlimit, ...limitArguments(config), '--', ...supervisor];
      // With bwrap for its first process, the supervisor's streams would be that one's too, which commands can get at.
      const sandbox = await this.start(name, config, isHolder, words, {}, ['--as-pid-1']);
      return new HeldSandbox(
        sandbox,
        files,
        config,
        lost,
        () => void this.folders.forgetProcesses(name, sandbox.processes),
      );
    };
    return this.held.use(name, start, (sandbox) => sandbox.execute(command));
  }

  async close(): Promise<void> {
    await this.orphansEnded;
    await this.held.close();
  }

  private async start(
    name: string,
    config: BubblewrapConfig,
    isHolder: () => Promise<void>,
    words: readonly string[],
    env: Readonly<Record<string, string>>,
    options: readonly string[] = [],
  ): Promise<RunningSandbox> {
    const files = this.folders.files(name);
    const args = [
      ...options,
      ...sandboxArguments(config, placeOf(files, this.tools), foldersToHide(this.hidden)),
      ...Object.entries(env).flatMap(([key, value]) => ['--setenv', key, value]),
    ];
    let sandbox: RunningSandbox | null = null;
    try {
      const uid = (await this.folders.user(name)) ?? SHARED_UID;
      sandbox = await startSandbox(this.tools, this.mark, { files, uid }, args, words);
      // Told first, looked at then: who takes the sandbox away looks for its processes after he has changed its holder.
      await this.folders.noteProcesses(name, sandbox.processes);
      await isHolder();
      return sandbox;
    } catch (error) {
      if (sandbox) {
        await endSandbox(sandbox);
        await this.folders.forgetProcesses(name, sandbox.processes);
      }
      // Where the folder was taken away meanwhile, that is why.
      await isHolder();
      throw error;
    }
  }
}
