import type { EnvironmentState } from '../environments/state.js';
import type { Step } from './timeline.js';
import { linkOf, type Why } from './why.js';

/** Named at the most; there may be thousands. */
const NAMED = 10;

/**
 * @param steps those that the environment is the fold of
 * @param holders the leases that have not been taken back yet
 */
export function whyEnvironment(
  state: Exclude<EnvironmentState, { kind: 'none' }>,
  steps: readonly Step<object>[],
  holders: readonly string[],
): Why {
  const { id, position } = state.environment;
  const status = state.kind === 'deleted' ? 'deleted' : state.environment.status;
  const last = steps.findLast(({ event }) => event.type !== 'EnvironmentProbed');
  const probe = steps.findLast(({ event }) => event.type === 'EnvironmentProbed');
  const chain = steps.filter((step) => step.event.type !== 'EnvironmentProbed' || step === probe);
  return {
    id,
    status,
    reasonCode: probe ? (probe.event.data as { reasonCode: string | null }).reasonCode : null,
    sentence: `${last?.sentence ?? ''} ${heldBy(holders)}`.trim(),
    chain: chain.map(linkOf),
    blockedBy:
      holders.length > 0 && status !== 'deleted'
        ? { reasonCode: 'environment_in_use', sentence: `It cannot be deleted: ${heldBy(holders)}` }
        : null,
    nextTimer: null,
    position,
  };
}

function heldBy(holders: readonly string[]): string {
  if (holders.length === 0) return 'No lease holds it.';
  const more = holders.length > NAMED ? ` and ${holders.length - NAMED} more` : '';
  return `It is held by ${holders.slice(0, NAMED).join(', ')}${more}.`;
}
