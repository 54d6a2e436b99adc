import type { Recorded, RecordedEvent } from '../../event-sourcing/event-log/events.js';
import type { Projection } from '../../event-sourcing/projections/projection.js';
import { SECRET_EVENTS, secretStream, type SecretEvent } from './events.js';
import { SecretRow } from './secret-row.js';
import { evolveSecret, initialSecret } from './state.js';

export const secretProjection: Projection<SecretRow> = {
  name: 'secrets',
  version: 1,
  entity: SecretRow,
  types: SECRET_EVENTS.map((definition) => definition.type),
  keyOf: (event) => event.stream.slice(secretStream('').length),
  fold(row: SecretRow | null, event: RecordedEvent): SecretRow | null {
    const before = row === null ? initialSecret : { kind: 'present' as const, secret: row };
    const after = evolveSecret(before, event as Recorded<SecretEvent>);
    return after.kind === 'present' ? { ...after.secret } : null;
  },
};
