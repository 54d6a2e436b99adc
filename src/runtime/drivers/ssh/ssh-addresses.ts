import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { AddressRefusedError } from '../../../platform/addresses/checked-lookup.js';
import { whyNotPublic } from '../../../platform/addresses/public-address.js';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';

/** Why SSH may not connect to an address; null: it may. */
export type AddressRule = (address: string) => string | null;

const ALL_ALLOWED: AddressRule = () => null;

/**
 * Where SSH may connect to. The hosts in configs are their callers' choice, and what a connection meets is told to them: without
 * a rule they could look round in the service's network.
 */
export class SshAddresses {
  /**
   * @param allowed addresses and ranges besides the public ones; null: all, as long as nobody but this machine can call
   * @param isLocalOnly whether that is so
   */
  constructor(
    private readonly allowed: readonly string[] | null,
    private readonly isLocalOnly: () => Promise<boolean>,
  ) {}

  /** The rule for one connection. */
  async rule(): Promise<AddressRule> {
    if (this.allowed === null && (await this.isLocalOnly())) return ALL_ALLOWED;
    const ranges = (this.allowed ?? []).map((range) => ipaddr.parseCIDR(withPrefix(range)));
    return (address) => (isWithin(address, ranges) ? null : whyNotPublic(address));
  }
}

/** @throws AddressRefusedError where the host is an address itself; a name is checked when it is looked up */
export function requireAllowedLiteral(host: string, rule: AddressRule): void {
  const why = isIP(host) === 0 ? null : rule(host);
  if (why !== null) throw new AddressRefusedError(`${host} is refused: ${why}`);
}

/**
 * The same rule for a host that a jump host connects to. A jump host looks names up by itself, so nobody here could check what a
 * name leads to: where not all is allowed, only an address can be.
 * @throws DriverError address_refused
 */
export function requireAllowedBehindJumpHost(host: string, rule: AddressRule): void {
  if (rule === ALL_ALLOWED) return;
  if (isIP(host) === 0) {
    const message = `SSH may not connect to ${host} through a jump host, which looks names up by itself: give its address instead.`;
    throw new DriverError('config', 'address_refused', message, false);
  }
  if (rule(host) !== null) throw addressRefused(host);
}

/** The same whatever is there, and whatever a name leads to. */
export function addressRefused(host: string): DriverError {
  const message =
    `SSH may not connect to ${host}: it is not a public address, or does not resolve to one. ` +
    'An operator can allow others in LEASEHOLD_SSH_ADDRESSES.';
  return new DriverError('config', 'address_refused', message, false);
}

function withPrefix(range: string): string {
  if (range.includes('/')) return range;
  return `${range}/${isIP(range) === 4 ? 32 : 128}`;
}

function isWithin(text: string, ranges: readonly ReturnType<typeof ipaddr.parseCIDR>[]): boolean {
  // An IPv4 address in the form of an IPv6 one is that IPv4 address.
  const address = ipaddr.process(text);
  return ranges.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
}
