import type { Drain, EnvironmentState } from '../../domain/environments/state.js';
import type { Step } from './timeline.js';
import { firstOf, linkOf, type Link, type Why } from './why.js';
import { counted } from './words.js';

/** Named at most; there may be thousands. */
const NAMED = 10;

/** What led to an environment's state, and the newest probe. */
export class EnvironmentChain {
  private readonly links: Link[] = [];
  private probe: { readonly link: Link; readonly reasonCode: string | null } | null = null;

  add(step: Step<object>): void {
    if (step.event.type !== 'EnvironmentProbed') this.links.push(linkOf(step));
    else this.probe = { link: linkOf(step), reasonCode: (step.event.data as { reasonCode: string | null }).reasonCode };
  }

  get sentence(): string {
    return this.links.at(-1)?.sentence ?? '';
  }

  get reasonCode(): string | null {
    return this.probe?.reasonCode ?? null;
  }

  get all(): Link[] {
    const all = this.probe ? [...this.links, this.probe.link] : this.links;
    return all.sort((one, other) => one.position - other.position);
  }
}

/**
 * @param chain of the steps that the environment is the fold of
 * @param holders the leases that have not ended, or whose cleanup is not done
 */
export function whyEnvironment(
  state: Exclude<EnvironmentState, { kind: 'none' }>,
  chain: EnvironmentChain,
  holders: readonly string[],
): Why {
  const { id, position, drain, quarantine } = state.environment;
  const status = state.kind === 'deleted' ? 'deleted' : state.environment.status;
  return {
    id,
    status,
    reasonCode: chain.reasonCode,
    sentence: `${chain.sentence} ${heldBy(holders)}`.trim(),
    chain: chain.all,
    blockedBy:
      holders.length > 0 && status !== 'deleted'
        ? {
            reasonCode: 'environment_in_use',
            sentence: `${heldBy(holders)} It can be deleted once its leases have ended.`,
          }
        : null,
    nextTimer: firstOf([
      drain && endsLeases(drain) ? { name: 'drained', at: drain.deadline } : null,
      quarantine && { name: 'probe', at: quarantine.nextProbeAt },
    ]),
    position,
  };
}

function endsLeases({ onDeadline, drainedAt }: Drain): boolean {
  return onDeadline === 'release' && drainedAt === null;
}

function heldBy(holders: readonly string[]): string {
  if (holders.length === 0) return 'Not in use.';
  const more = holders.length > NAMED ? ` and ${holders.length - NAMED} more` : '';
  return `In use by ${counted(holders.length, 'lease')}: ${holders.slice(0, NAMED).join(', ')}${more}.`;
}
