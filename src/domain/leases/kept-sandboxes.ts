import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CommandRunner } from '../../event-sourcing/commands/command-runner.js';
import type { Versioned } from '../../event-sourcing/commands/state-store.js';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { DriverRegistry } from '../driver-contract/driver-registry.js';
import type { HeldLease, RuntimeDriver } from '../driver-contract/runtime-driver.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import { Clock, EventLog, type StreamWrite } from '../../event-sourcing/event-log/index.js';
import { SecretStore } from '../secrets/secret-store.js';
import { cleanUp } from './cleanup.js';
import { secondsAfter } from './deadline.js';
import { discarded } from './decide-effects.js';
import { fingerprintOf } from './fingerprint.js';
import { retains, type CleanupResult } from './decide.js';
import type { DiscardReason, ReleaseOutcomeName } from './lease-names.js';
import { heldBy } from './held-lease.js';
import { LeaseStore } from './lease-store.js';
import { differences, isKeeping, retainedKey, reuseScope, type KeepingLease } from './reuse.js';
import type { JsonObject, Kept, Lease, LeaseTerms, Rejection, Reuse, TakenOver } from './state.js';

/** An ended lease whose sandbox another lease takes over. */
export interface Takeover {
  readonly lease: Versioned<KeepingLease>;
  readonly held: HeldLease;
  readonly takenOver: TakenOver;
}

interface Refused {
  readonly lease: Versioned<KeepingLease>;
  /** What is not the same; null where it could not be resumed. */
  readonly fields: readonly string[] | null;
}

interface Choice {
  readonly takeover: Takeover | null;
  readonly rejected: readonly Refused[];
}

/**
 * What ended leases have left. It is found by its key in the log itself, however many leases there have been, and taken
 * by an append to the lease that left it: of two who want it, one finds the lease changed.
 */
@Injectable()
export class KeptSandboxes {
  constructor(
    private readonly log: EventLog,
    private readonly runner: CommandRunner,
    private readonly leases: LeaseStore,
    private readonly secrets: SecretStore,
    private readonly drivers: DriverRegistry,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** What a lease of these terms may share; null where it shares nothing, or its driver cannot. */
  async reuseOf(
    companyId: string,
    terms: LeaseTerms,
    config: JsonObject,
    driver: RuntimeDriver,
  ): Promise<Reuse | null> {
    const scope = driver.capabilities.supportsReusableLeases ? reuseScope(companyId, terms) : null;
    if (scope === null) return null;
    const key = `reuse ${createHash('sha256').update(JSON.stringify(scope)).digest('hex')}`;
    return { key, fingerprint: await fingerprintOf(config, this.secrets) };
  }

  /** What is kept for a key, in the order in which the leases were acquired. */
  async found(companyId: string, key: string): Promise<Versioned<KeepingLease>[]> {
    const streams = await this.log.read.openStreamsWithKey(companyId, key);
    // What only a newer release understands is left to that.
    const leases = await Promise.all(
      streams.map(({ stream, version }) => this.leases.leases.understood(stream, version)),
    );
    return leases
      .flatMap((lease) => (lease && isKeeping(lease.state) ? [{ state: lease.state, version: lease.version }] : []))
      .sort((one, other) => one.state.fence - other.state.fence);
  }

  /** What becomes of what a lease holds when it ends so; `writes` make room for it. */
  async atEnd(lease: Lease, outcome: ReleaseOutcomeName): Promise<{ cleanup: CleanupResult; writes: StreamWrite[] }> {
    const holds = lease.status === 'active' && lease.grant.providerLeaseId !== null;
    if (holds && retains(lease.terms, outcome)) {
      const { kept, writes } = await this.retained(lease);
      return { cleanup: { kept }, writes };
    }
    // A queued driver's worker asks for it when it has ended what the lease ran.
    const now = holds && outcome === 'released' && lease.provisioningId === null;
    const kept = now ? await this.reusable(lease) : null;
    return { cleanup: kept ? { kept } : await cleanUp(this.drivers, lease), writes: [] };
  }

  /**
   * What a new lease is to have of what others have left: what that lease left, where one is named, or the first that
   * is as it must be. The others that were looked at are of no use to anybody any more.
   * @throws LeaseholdError nothing_kept when the named lease has left nothing
   */
  async chosen(companyId: string, reuse: Reuse | null, named: string | null): Promise<Choice> {
    if (named !== null) {
      const { state, version } = await this.leases.current(named);
      if (!isKeeping(state)) {
        throw new LeaseholdError('nothing_kept', 'The lease has no kept sandbox.', { leaseId: named });
      }
      return { takeover: takeoverOf({ state, version }), rejected: [] };
    }
    if (reuse === null) return { takeover: null, rejected: [] };
    const rejected: Refused[] = [];
    for (const lease of await this.found(companyId, reuse.key)) {
      const fields = differences(reuse.fingerprint, lease.state.reuse?.fingerprint ?? {});
      if (fields.length === 0) return { takeover: takeoverOf(lease), rejected };
      rejected.push({ lease, fields });
    }
    return { takeover: null, rejected };
  }

  /** What is recorded of those that are not used: at the new lease, and at the one that left it. */
  rejections(refused: readonly Refused[]): Promise<{ rejection: Rejection; write: StreamWrite }[]> {
    return Promise.all(
      refused.map(async ({ lease, fields }) => {
        const reasonCode = fields === null ? 'resume_check_failed' : 'fingerprint_changed';
        return {
          rejection: { leaseId: lease.state.id, reasonCode, fields: fields ?? [] },
          write: await this.discard(lease, reasonCode),
        };
      }),
    );
  }

  /** How what a lease holds may stay for others of its key; null where it shares nothing, or enough of it wait already. */
  async reusable({ companyId, reuse }: Lease): Promise<Kept | null> {
    if (reuse === null) return null;
    const waiting = await this.found(companyId, reuse.key);
    if (waiting.length >= this.config.keeping.max) return null;
    return { key: reuse.key, until: secondsAfter(this.clock.now(), this.config.keeping.reusableSeconds) };
  }

  /** How what a failed lease holds is retained, and the older ones of the environment that make room for it. */
  private async retained({ companyId, terms }: Lease): Promise<{ kept: Kept; writes: StreamWrite[] }> {
    const key = retainedKey(terms.environmentId);
    const older = await this.found(companyId, key);
    const excess = older.slice(0, Math.max(0, older.length + 1 - this.config.keeping.max));
    const kept = { key, until: secondsAfter(this.clock.now(), this.config.keeping.retainedSeconds) };
    return { kept, writes: await Promise.all(excess.map((lease) => this.discard(lease, 'too_many_kept'))) };
  }

  /** The write that gives what a lease has left to another. */
  handOn({ state, version }: Versioned<KeepingLease>, leaseId: string): StreamWrite {
    return this.leases.write(this.runner, state.id, { state, version }, [
      { type: 'SandboxHandedOn', data: { leaseId } },
    ]);
  }

  /** The write that has what a lease has left taken down. */
  async discard({ state, version }: Versioned<Lease>, reasonCode: DiscardReason): Promise<StreamWrite> {
    const events = discarded(reasonCode, await cleanUp(this.drivers, state));
    return this.leases.write(this.runner, state.id, { state, version }, events);
  }
}

function takeoverOf(lease: Versioned<KeepingLease>): Takeover {
  const held = heldBy(lease.state);
  if (held === null) throw new Error(`The lease ${lease.state.id} keeps what it never had.`);
  const { leaseId, fence, providerLeaseId, teardown } = held;
  return { lease, held, takenOver: { leaseId, fence, providerLeaseId, teardown } };
}
