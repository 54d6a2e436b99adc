import { isIPv6 } from 'node:net';

/** An address as a host is looked up and connected to: an IPv6 address without the brackets that it has in a URL. */
export function bareHost(host: string): string {
  const [, inner] = /^\[(.*)\]$/.exec(host) ?? [];
  return inner !== undefined && isIPv6(inner) ? inner : host;
}

/** What a lease on a host is called: a URL, whatever characters the parts have. */
export function sshUrl(at: { host: string; port: number; username: string }, path: string): string {
  const host = bareHost(at.host);
  // URLs know no zones ("%eth0") in brackets.
  const authority = isIPv6(host) && !host.includes('%') ? `[${host}]` : encodeURIComponent(host);
  const encodedPath = path.split('/').map(encodeURIComponent).join('/');
  return `ssh://${encodeURIComponent(at.username)}@${authority}:${at.port}${encodedPath}`;
}
