import { uuidv7 } from 'uuidv7';
import type { Append, NewEvent, StreamWrite, Verdict } from '../../../src/event-sourcing/event-log/index.js';
import { HAPPENED } from '../../support/event-log.js';

export const COMPANY = uuidv7();

export function happened(data: object = {}): NewEvent {
  return { id: uuidv7(), type: HAPPENED, schemaVersion: 1, data };
}

/** A write of one event, where nothing else is said. */
export function write(stream: string, expectedVersion: number, more: Partial<StreamWrite> = {}): StreamWrite {
  return {
    ...{ stream, expectedVersion, events: [happened()] },
    ...{ category: 'test', correlationKey: null, parent: null, open: true },
    ...more,
  };
}

export function append(writes: readonly StreamWrite[], more: Partial<Append> = {}): Append {
  return {
    ...{ companyId: COMPANY, actor: 'test:jest', correlationId: null, causationId: null },
    ...{ writes, guards: [], idempotency: null },
    ...more,
  };
}

/** The positions of an accepted append's events. @throws where it was refused */
export function positionsOf(verdict: Verdict): number[] {
  if (verdict.kind !== 'ok') throw new Error(`The append was refused: ${JSON.stringify(verdict)}.`);
  return verdict.events.map((event) => event.position);
}
