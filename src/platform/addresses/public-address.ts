import ipaddr from 'ipaddr.js';

/** All of IPv6 that is given out to be reached from everywhere; there are special ranges within it. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Why an IP address is not a public one; null where it is. What leads on to an IPv4 address (mapped,
 * translated, tunnelled) is not public whatever that address is: nobody needs it to name a host.
 */
export function whyNotPublic(text: string): string | null {
  const address = ipaddr.parse(text);
  const range = address.range();
  const isGlobal = address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST);
  return range === 'unicast' && isGlobal
    ? null
    : `${text} is not a public address (${isGlobal ? range : 'not global'})`;
}
