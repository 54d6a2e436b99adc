import type { ServerHostKeyAlgorithm } from 'ssh2';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import { fingerprint, knownKeyTypes, verifyHostKey } from './known-hosts.js';

/** A host and what is known of its keys. */
interface KnownHost {
  readonly host: string;
  readonly port: number;
  readonly knownHosts: string | null;
}

/** All that ssh2 has: none of them is a certificate's (`…-cert-v01@openssh.com`), so a host is never asked for its own. */
const HOST_KEY_ALGORITHMS: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/** The kinds of key that are known come first: a host with several is to show the one that can be compared. */
export function hostKeyAlgorithms({ knownHosts, host, port }: KnownHost): ServerHostKeyAlgorithm[] {
  const types = knownKeyTypes(knownHosts, host, port);
  const isKnown = (algorithm: string): boolean =>
    types.includes(algorithm) || (algorithm.startsWith('rsa-') && types.includes('ssh-rsa'));
  const known = HOST_KEY_ALGORITHMS.filter(isKnown);
  return [...known, ...HOST_KEY_ALGORITHMS.filter((algorithm) => !known.includes(algorithm))];
}

/** Why the key that a host offers is not taken; null: it is known. */
export function hostKeyRefusal({ knownHosts, host, port }: KnownHost, key: Buffer): DriverError | null {
  const verdict = verifyHostKey(knownHosts, host, port, key);
  if (verdict === 'known') return null;
  const offers = `${host}:${port} offers the host key ${fingerprint(key)}`;
  const why = {
    unknown: 'knownHosts has none for it. Compare it with the host’s own, and add its line to knownHosts',
    other: 'knownHosts has another one. Either the host was reinstalled, or someone intercepts the connection',
    revoked: 'it is marked as revoked',
    certified:
      'knownHosts has only a certificate authority for it, which is not supported. Add a line with the host’s own key',
  }[verdict];
  return new DriverError('config', 'host_key_mismatch', `${offers}, and ${why}.`, false);
}
