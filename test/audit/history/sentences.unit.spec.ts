import { expect, test } from '@jest/globals';
import { ENVIRONMENT_EVENTS } from '../../../src/domain/environments/events.js';
import type { Recorded } from '../../../src/event-sourcing/event-log/index.js';
import { environmentSentence } from '../../../src/audit/history/environment-sentences.js';
import { leaseSentence } from '../../../src/audit/history/lease-sentences.js';
import { LEASE_EVENTS } from '../../../src/domain/leases/events.js';
import type { EnvironmentEvent } from '../../../src/domain/environments/events.js';
import type { LeaseEvent } from '../../../src/domain/leases/events.js';
import { readJson, sampleFile } from '../../frozen-events/samples.js';

const sample = (type: string, version: number): { data: unknown } =>
  readJson(sampleFile(type, version)) as { data: unknown };

test.each(LEASE_EVENTS.map(({ type, schemaVersion }) => [type, schemaVersion] as const))(
  '%s has a sentence',
  (type, version) => {
    const sentence = leaseSentence({ type, ...sample(type, version) } as Recorded<LeaseEvent>);
    expect(sentence).toMatch(/^[A-Z].*\.$/s);
    expect(sentence).not.toMatch(/undefined|null|\[object/);
  },
);

test.each(ENVIRONMENT_EVENTS.map(({ type, schemaVersion }) => [type, schemaVersion] as const))(
  '%s has a sentence',
  (type, version) => {
    const sentence = environmentSentence({ type, ...sample(type, version) } as Recorded<EnvironmentEvent>);
    expect(sentence).toMatch(/^[A-Z].*\.$/s);
    expect(sentence).not.toMatch(/undefined|null|\[object/);
  },
);
