import { describe, expect, it } from '@jest/globals';
import {
  EventCatalogue,
  UnknownEventError,
  type EventDefinition,
  type RecordedEvent,
} from '../../../src/event-sourcing/event-log/index.js';

/** Version 1 had `seconds`, version 2 `ttlSeconds`, version 3 says what the time is counted from. */
const RENEWED: EventDefinition = {
  type: 'Renewed',
  schemaVersion: 3,
  schema: {},
  upcasters: {
    1: (data) => ({ ttlSeconds: (data as { seconds: number }).seconds }),
    2: (data) => ({ ...(data as object), from: 'now' }),
  },
};

const catalogue = new EventCatalogue([RENEWED, { type: 'Released', schemaVersion: 1, schema: {}, upcasters: {} }]);

function stored(type: string, schemaVersion: number, data: unknown): RecordedEvent {
  return {
    ...{ position: 7, stream: 'lease-1', version: 2, id: '0', type, schemaVersion, companyId: '1', actor: 'test:jest' },
    ...{ correlationId: null, causationId: null, recordedAt: '2026-11-23T11:35:00.000Z', data },
  };
}

describe('the event catalogue', () => {
  it.each([
    [1, { seconds: 60 }, { ttlSeconds: 60, from: 'now' }],
    [2, { ttlSeconds: 60 }, { ttlSeconds: 60, from: 'now' }],
    [3, { ttlSeconds: 60, from: 'start' }, { ttlSeconds: 60, from: 'start' }],
  ])('lifts version %i through every version up to the newest', (version, data, lifted) => {
    const event = stored('Renewed', version, data);
    expect(catalogue.decode(event)).toEqual({ ...event, schemaVersion: 3, data: lifted });
  });

  it('leaves what is stored as it is', () => {
    const event = stored('Renewed', 1, { seconds: 60 });
    catalogue.decode(event);
    expect(event).toEqual(stored('Renewed', 1, { seconds: 60 }));
  });

  it('refuses an event that only a newer release knows, and says where it stands', () => {
    for (const event of [stored('Suspended', 1, {}), stored('Released', 2, {})]) {
      expect(() => catalogue.decode(event)).toThrow(UnknownEventError);
      expect(() => catalogue.decode(event)).toThrow(
        expect.objectContaining({ type: event.type, schemaVersion: event.schemaVersion, position: 7 }),
      );
    }
  });

  it('refuses a definition that cannot read every version ever written', () => {
    const { 2: last, ...first } = RENEWED.upcasters;
    expect(last).toBeDefined();
    expect(() => new EventCatalogue([{ ...RENEWED, upcasters: first }])).toThrow(
      'The event type Renewed has no upcaster from version 2.',
    );
  });

  it('refuses two definitions of one type', () => {
    expect(() => new EventCatalogue([RENEWED, RENEWED])).toThrow('The event type Renewed is defined twice.');
  });

  it('knows the version that is written now', () => {
    expect(catalogue.schemaVersionOf('Renewed')).toBe(3);
    expect(() => catalogue.schemaVersionOf('Suspended')).toThrow('The event type Suspended is not defined.');
    expect(catalogue.all().map(({ type }) => type)).toEqual(['Renewed', 'Released']);
  });
});
