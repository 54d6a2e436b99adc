import ipaddr from 'ipaddr.js';
import { whyNotPublic } from '../../platform/addresses/public-address.js';
import { LeaseholdError } from '../../errors/catalogue.js';

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
  if (why !== null) throw new LeaseholdError('webhook_address_refused', `Webhooks may not be sent there: ${why}.`);
}

/** RFC 6761: these are loopback, whatever resolves them. */
function whyNotPublicName(name: string): string | null {
  return name === 'localhost' || name.endsWith('.localhost') ? `${name} is this machine` : null;
}
