import { Ajv } from 'ajv';
import { environmentStream } from '../../domain/environments/events.js';
import type { Environment } from '../../domain/environments/state.js';
import { UnknownEventError, type EventCatalogue, type RecordedEvent } from '../../event-sourcing/event-log/index.js';
import { leaseStream } from '../../domain/leases/events.js';
import { BUNDLE, type Bundle } from './bundle.js';
import { changesBetween, type Change } from './changes.js';
import { environmentSubject, LEASE_SUBJECT } from './subjects.js';
import { stepsOf, type Step } from './timeline.js';

/** The file is not a bundle, or not a whole one, or one of a newer release. */
export class BundleError extends Error {}

export interface Replay {
  /** All events in the order of the log, each with what its stream's events fold to up to it. */
  readonly steps: readonly Step<object>[];
  /** The last states. Null: deleted, or not in the bundle. */
  readonly lease: object | null;
  readonly environment: object | null;
  /** Where they are not what the service said: `from` is the service's. Empty for every sound bundle. */
  readonly differences: readonly Change[];
}

/** @throws BundleError */
export function readBundle(text: string): Bundle {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BundleError('The file is not JSON.');
  }
  // Compiled here, not when it is loaded: that takes every other command, and the service, a tenth of a second.
  const isBundle = new Ajv({ allErrors: false }).compile<Bundle>(BUNDLE);
  if (isBundle(value)) return value;
  const [error] = isBundle.errors ?? [];
  throw new BundleError(`The file is not a bundle of this release: ${error?.instancePath || 'it'} ${error?.message}.`);
}

/** Folds a bundle step by step, without a database. @throws BundleError */
export function replay(bundle: Bundle, catalogue: EventCatalogue): Replay {
  const streams = new Map<string, RecordedEvent[]>();
  for (const stored of bundle.events) {
    const event = decoded(stored, catalogue);
    const before = streams.get(event.stream) ?? [];
    if (event.version !== before.length + 1) {
      throw new BundleError(`The bundle lacks event ${before.length + 1} of ${event.stream}.`);
    }
    streams.set(event.stream, [...before, event]);
  }
  const steps = [...streams].flatMap(([stream, events]): Step<object>[] => folded(stream, events));
  steps.sort((one, other) => one.event.position - other.event.position);
  const last = (stream: string): object | null => steps.findLast(({ event }) => event.stream === stream)?.after ?? null;
  const lease = last(leaseStream(bundle.leaseId));
  const environment = last(environmentStream(String(bundle.lease['environmentId'])));
  const differences = [...changesBetween(bundle.lease, lease), ...changesBetween(bundle.environment, environment)];
  return { steps, lease, environment, differences };
}

function folded(stream: string, events: readonly RecordedEvent[]): Step<object>[] {
  const asItIs = environmentSubject((environment: Environment) => environment, true);
  try {
    return stream.startsWith(environmentStream('')) ? stepsOf(asItIs, events) : stepsOf(LEASE_SUBJECT, events);
  } catch (error) {
    throw new BundleError(`The events of ${stream} are inconsistent: ${(error as Error).message}`);
  }
}

function decoded(stored: RecordedEvent, catalogue: EventCatalogue): RecordedEvent {
  try {
    return catalogue.decode(stored);
  } catch (error) {
    if (error instanceof UnknownEventError) throw new BundleError(`The bundle is of a newer release: ${error.message}`);
    throw error;
  }
}
