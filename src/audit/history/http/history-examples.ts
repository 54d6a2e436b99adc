import type { TimelineItem } from '../timeline.js';
import type { Why } from '../why.js';

const REQUEST_ID = '018f4b6e-7a3c-7d21-9b0e-5c1d2e3f4a5b';
const INTENT_ID = '018f4b6e-7a3d-7d21-9b0e-5c1d2e3f4a5c';
const EFFECT_ID = '018f4b6e-7a3d-7d21-9b0e-5c1d2e3f4a5d';

export const TIMELINE_EXAMPLE: TimelineItem[] = [
  {
    position: 812,
    version: 4,
    recordedAt: '2026-11-24T09:30:00.000Z',
    type: 'LeaseActivated',
    actor: 'system:provisioning',
    causedBy: {
      requestId: REQUEST_ID,
      event: { id: INTENT_ID, position: 810, type: 'ProvisioningRequested' },
      job: { effectId: EFFECT_ID, attempt: null },
    },
    sentence: 'Active: the driver provided sandbox://fake/1.',
    changes: [{ field: 'status', from: 'provisioning', to: 'active' }],
  },
];

export const DIFF_EXAMPLE = {
  from: 810,
  to: 812,
  changes: [{ field: 'status', from: 'queued', to: 'active' }],
};

export const WHY_EXAMPLE: Why = {
  id: '018f4b6e-7a3c-7d21-9b0e-5c1d2e3f4a5e',
  status: 'expired',
  reasonCode: 'ttl_elapsed',
  sentence: 'Expired at 2026-11-24 10:30:01 UTC (ttl_elapsed). Cleanup has failed so far.',
  chain: [
    {
      position: 934,
      recordedAt: '2026-11-24T10:30:01.000Z',
      type: 'LeaseReleaseRequested',
      actor: 'system:expiry',
      sentence: 'Expired (ttl_elapsed): its deadline was 10:30:00 UTC.',
    },
  ],
  blockedBy: {
    reasonCode: 'host_unreachable',
    sentence: 'Cleanup failed 2 times. Last failure: the host did not answer.',
  },
  nextTimer: { name: 'cleanup_retry', at: '2026-11-24T10:30:20.000Z' },
  position: 940,
};
