import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../../src/domain/environments/state.js';
import type { Acquired, Answer, Api, ReleasedRun } from '../support/api.js';

/** A command as it was sent, and its answer when there was one. It can be sent again as it is. */
export interface SentCommand {
  /** Its request id, which every event that it leads to carries as `correlationId`; its idempotency key too. */
  readonly id: string;
  readonly kind: 'acquire' | 'release run' | 'create environment' | 'patch environment';
  readonly method: 'POST' | 'PATCH';
  readonly path: string;
  readonly body: object;
  answer: Acquired | ReleasedRun | Environment | null;
}

/** Sends a command, again or for the first time. Null when the connection broke before the answer was there. */
export async function sendCommand(
  api: Api,
  { id, method, path, body }: SentCommand,
): Promise<Answer<SentCommand['answer']> | null> {
  try {
    return await api.send(method, path, body, { 'Idempotency-Key': id, 'X-Request-Id': id });
  } catch {
    return null;
  }
}

const PAUSE_MS = 2;

/** Callers that go on until they are stopped or the service is gone; it keeps all that they have sent. */
export class Load {
  readonly commands: SentCommand[] = [];
  /** What the service answered instead of doing what it was asked: under this load there is no reason for any refusal. */
  readonly refusals: string[] = [];
  private goesOn = true;
  private readonly callers: Promise<void>[];

  constructor(
    private readonly api: Api,
    companies: readonly string[],
    callers: number,
  ) {
    this.callers = Array.from({ length: callers }, (_unused, index) =>
      index % 4 === 3 ? this.changeEnvironments(oneOf(companies)) : this.holdLeases(companies),
    );
  }

  get acknowledged(): number {
    return this.commands.filter(({ answer }) => answer !== null).length;
  }

  /** Resolves when the last caller has its answer, or will never have one. */
  async stop(): Promise<void> {
    this.goesOn = false;
    await Promise.all(this.callers);
  }

  private async holdLeases(companies: readonly string[]): Promise<void> {
    while (this.goesOn) {
      const [companyId, runId] = [oneOf(companies), randomUUID()];
      const leases = 1 + Math.floor(Math.random() * 3);
      const environmentId = Math.random() < 0.5 ? ((await this.sandbox(companyId))?.id ?? null) : null;
      for (let held = 0; held < leases; held += 1) {
        const leasePolicy = oneOf(['ephemeral', 'retain_on_failure']);
        const body = { environmentId, heartbeatRunId: runId, leasePolicy, metadata: { held } };
        await this.command('acquire', 'POST', `/api/companies/${companyId}/leases`, body);
      }
      // One run in five is never released.
      if (Math.random() < 0.2) continue;
      const path = `/api/companies/${companyId}/heartbeat-runs/${runId}/release-leases`;
      await this.command('release run', 'POST', path, { status: oneOf(['released', 'expired', 'failed']) });
    }
  }

  private async changeEnvironments(companyId: string): Promise<void> {
    while (this.goesOn) {
      const environment = await this.sandbox(companyId);
      if (environment === null) continue;
      for (const image of ['debian:12', 'alpine:3']) {
        await this.command('patch environment', 'PATCH', `/api/environments/${environment.id}`, { config: { image } });
      }
    }
  }

  private sandbox(companyId: string): Promise<Environment | null> {
    const wanted = {
      name: 'Sandbox',
      driver: 'sandbox',
      config: { provider: 'fake', reuseLease: Math.random() < 0.5 },
    };
    return this.command('create environment', 'POST', `/api/companies/${companyId}/environments`, wanted);
  }

  /** The answer; null when it was refused or the service is gone. */
  private async command<Body>(
    kind: SentCommand['kind'],
    method: SentCommand['method'],
    path: string,
    body: object,
  ): Promise<Body | null> {
    if (!this.goesOn) return null;
    const command: SentCommand = { id: randomUUID(), kind, method, path, body, answer: null };
    this.commands.push(command);
    const answer = await sendCommand(this.api, command);
    if (answer === null) this.goesOn = false;
    else if (answer.status < 300) command.answer = answer.body;
    else this.refusals.push(`${kind}: ${answer.status} ${JSON.stringify(answer.body)}`);
    await sleep(PAUSE_MS);
    return command.answer as Body | null;
  }
}

function oneOf<T>(values: readonly T[]): T {
  return values[Math.floor(Math.random() * values.length)] as T;
}
