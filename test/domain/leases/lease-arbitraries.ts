import fc from 'fast-check';
import type { Acquisition } from '../../../src/domain/driver-contract/runtime-driver.js';
import { ENVIRONMENT_DRIVERS } from '../../../src/domain/driver-contract/driver-names.js';
import type { AcquireResult, CleanupResult, ReleaseWish } from '../../../src/domain/leases/decide.js';
import {
  ADAPTER_TYPES,
  LEASE_POLICIES,
  RELEASE_OUTCOMES,
  WORKSPACE_MODES,
} from '../../../src/domain/leases/lease-names.js';
import type { LeaseTerms } from '../../../src/domain/leases/state.js';
import { at } from '../../support/given-when-then.js';

/** A command on one of a few leases. */
export type LeaseCommand = { readonly lease: number } & (
  | {
      readonly kind: 'acquire';
      readonly terms: LeaseTerms;
      readonly environmentVersion: number;
      readonly result: AcquireResult;
      readonly now: string;
    }
  | { readonly kind: 'release'; readonly wish: ReleaseWish; readonly cleanup: CleanupResult }
  | { readonly kind: 'renew'; readonly ttlSeconds: number | null; readonly now: string }
  | { readonly kind: 'expire'; readonly now: string; readonly cleanup: CleanupResult }
);

export const LEASES = 3;

const nullable = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
const seconds = nullable(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 31_536_000 })));
const id = nullable(fc.uuid());

/** What callers put into metadata or a config, among it what a careless copy would trip over. JSON has no -0. */
export const jsonObject: fc.Arbitrary<Record<string, unknown>> = fc.dictionary(
  fc.oneof(fc.string(), fc.constantFrom('driver', 'executionWorkspaceMode', 'id', '__proto__', 'toString', 'a\nb')),
  fc.json({ maxDepth: 2 }).map((json): unknown => JSON.parse(JSON.stringify(JSON.parse(json)))),
  { maxKeys: 4 },
);

const terms: fc.Arbitrary<LeaseTerms> = fc.record({
  environmentId: fc.uuid(),
  driver: fc.constantFrom(...ENVIRONMENT_DRIVERS),
  provider: nullable(fc.constantFrom('fake', 'bubblewrap')),
  heartbeatRunId: id,
  issueId: id,
  agentId: id,
  adapterType: nullable(fc.constantFrom(...ADAPTER_TYPES)),
  executionWorkspaceId: id,
  executionWorkspaceMode: nullable(fc.constantFrom(...WORKSPACE_MODES)),
  leasePolicy: fc.constantFrom(...LEASE_POLICIES),
  priority: fc.integer({ min: 0, max: 100 }),
  ttlSeconds: seconds,
  idleTtlSeconds: seconds,
  maxTtlSeconds: seconds,
  expiryNoticeSeconds: seconds.map((notice) => notice ?? 0),
  metadata: jsonObject,
});

const acquisition: fc.Arbitrary<Acquisition> = fc.record({
  providerLeaseId: nullable(fc.string()),
  metadata: jsonObject,
  teardown: jsonObject,
});

const result: fc.Arbitrary<AcquireResult> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('acquired' as const), effectId: fc.uuid(), acquisition }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('failed' as const), failureReason: fc.string() }) },
);

const cleanup: fc.Arbitrary<CleanupResult> = fc.oneof(
  fc.constantFrom<CleanupResult>('cleaned', 'nothing_to_clean'),
  fc.record({ kept: fc.record({ key: fc.string(), until: fc.constant(at(60)) }) }),
  fc.record({ failed: fc.string() }),
);

const now = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 40_000_000 })).map(at);
const lease = fc.nat(LEASES - 1);

const acquire: fc.Arbitrary<LeaseCommand> = fc.record({
  lease,
  kind: fc.constant('acquire' as const),
  terms,
  environmentVersion: fc.integer({ min: 1, max: 1000 }),
  result,
  now,
});

const release: fc.Arbitrary<LeaseCommand> = fc.record({
  lease,
  kind: fc.constant('release' as const),
  wish: fc.record({
    outcome: fc.constantFrom(...RELEASE_OUTCOMES),
    reasonCode: nullable(fc.constant('caller_gone' as const)),
    failureReason: nullable(fc.string()),
  }),
  cleanup,
});

const expire: fc.Arbitrary<LeaseCommand> = fc.record({ lease, kind: fc.constant('expire' as const), now, cleanup });

const renew: fc.Arbitrary<LeaseCommand> = fc.record({
  lease,
  kind: fc.constant('renew' as const),
  ttlSeconds: seconds,
  now,
});

export const leaseCommands: fc.Arbitrary<LeaseCommand[]> = fc.array(fc.oneof(acquire, release, renew, expire), {
  maxLength: 20,
});
