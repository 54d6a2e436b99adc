import ipaddr from 'ipaddr.js';
import { LeaseholdError } from '../errors/catalogue.js';

/** All of IPv6 that is given out to be reached from everywhere; there are special ranges within it. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Why requests are not sent to an IP address; null where it is a public one. What leads on to an IPv4 address (mapped,
 * translated, tunnelled) is not public whatever that address is: nobody needs it to name a receiver.
 */
export function whyNotPublic(text: string): string | null {
  const address = ipaddr.parse(text);
  const range = address.range();
  const isGlobal = address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST);
  return range === 'unicast' && isGlobal
    ? null
    : `${text} is not a public address (${isGlobal ? range : 'not global'})`;
}

/** The host of a URL as an IP address, whatever it was spelled like; null where it is a name. */
export function literalAddress({ hostname }: URL): string | null {
  const text = hostname.replace(/^\[(.*)\]$/, '$1');
  return ipaddr.isValid(text) ? text : null;
}

/**
 * What can be told of an address before it is used. A name that leads to an address that is not public is refused when
 * it has been looked up, at each delivery.
 * @throws LeaseholdError webhook_address_refused
 */
export function requireAllowed(url: URL): void {
  const address = literalAddress(url);
  const name = url.hostname.replace(/\.$/, '');
  const why = address === null ? whyNotPublicName(name) : whyNotPublic(address);
  if (why !== null) throw new LeaseholdError('webhook_address_refused', `Nothing is sent there: ${why}.`);
}

/** RFC 6761: these are loopback, whatever resolves them. */
function whyNotPublicName(name: string): string | null {
  return name === 'localhost' || name.endsWith('.localhost') ? `${name} is this machine` : null;
}
