import type { EnvironmentEvent } from '../../domain/environments/events.js';
import type { Recorded } from '../../event-sourcing/event-log/index.js';
import { atAndIn, because, counted, duration } from './words.js';

export function environmentSentence({ type, data, recordedAt }: Recorded<EnvironmentEvent>): string {
  switch (type) {
    case 'EnvironmentCreated':
      return `Environment "${data.name}" created (${data.driver}).`;
    case 'EnvironmentChanged':
      if (data.status === 'archived') return 'Archived: it takes no new leases.';
      if (data.status === 'active') return 'Active again.';
      return `Changed: ${Object.keys(data).join(', ')}.`;
    case 'EnvironmentProbed':
      // Without the sentence for who may not see configs: it may quote one.
      if (data.summary === '') return data.ok ? 'Probed: usable.' : `Probe failed (${data.reasonCode}).`;
      return `Probed${data.reasonCode === null ? '' : ` (${data.reasonCode})`}${because(data.summary)}.`;
    case 'EnvironmentCordoned':
      return `Cordoned${because(data.reason)}. It takes no new leases.`;
    case 'EnvironmentDrainRequested': {
      const end = data.onDeadline === 'release' ? 'Leases end by' : 'Leases may go on; the deadline is';
      return `Drain requested${because(data.reason)}. It takes no new leases. ${end} ${atAndIn(data.deadline, recordedAt)}.`;
    }
    case 'EnvironmentDrained':
      return 'Drained: no lease is left.';
    case 'EnvironmentQuarantined': {
      const { failures, reasonCode, waitSeconds } = data;
      const wait = duration(waitSeconds * 1_000);
      return `Quarantined after ${counted(failures, 'provisioning failure')} in a row (${reasonCode}). It takes no new leases. First probe in ${wait}.`;
    }
    case 'EnvironmentRecovered':
      return 'Recovered: it takes new leases.';
    case 'EnvironmentUncordoned':
      return 'Uncordoned: it takes new leases.';
    case 'EnvironmentDeleted':
      return 'Deleted. Its leases and their history stay.';
  }
}
