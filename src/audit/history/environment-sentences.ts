import type { EnvironmentEvent } from '../../domain/environments/events.js';
import type { Recorded } from '../../event-sourcing/event-log/index.js';

export function environmentSentence({ type, data }: Recorded<EnvironmentEvent>): string {
  switch (type) {
    case 'EnvironmentCreated':
      return `The environment ${data.name} was made, with the driver ${data.driver}.`;
    case 'EnvironmentChanged':
      if (data.status === 'archived') return 'It was archived: it takes no new leases.';
      if (data.status === 'active') return 'It was made active again.';
      return `It was changed: ${Object.keys(data).join(', ')}.`;
    case 'EnvironmentProbed':
      // Without the sentence for who may not see configs: it may quote one.
      if (data.summary === '') return data.ok ? 'A probe found it usable.' : `A probe failed (${data.reasonCode}).`;
      return `A probe found: ${data.summary}${data.reasonCode === null ? '' : ` (${data.reasonCode})`}.`;
    case 'EnvironmentDeleted':
      return 'It was deleted; its leases and their history stay.';
  }
}
