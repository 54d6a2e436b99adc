import { createHash, createHmac } from 'node:crypto';
import { matchesWildcard } from './wildcard.js';

/** What a known_hosts file says of a host key. `certified`: it has only a certificate authority for the host. */
export type HostKeyVerdict = 'known' | 'unknown' | 'other' | 'revoked' | 'certified';

interface Line {
  readonly marker: string | null;
  /** As in the file, with commas between them. */
  readonly patterns: string;
  readonly type: string;
  readonly key: string;
}

/** No name of a host is longer. */
export const MAX_HOST_LENGTH = 253;
/** Room for a name with its port, `[name]:65535`. */
const MAX_PATTERN_LENGTH = 261;
const MAX_STARS = 16;
export const MAX_KNOWN_HOSTS = 64 * 1024;
const MARKERS = ['@revoked', '@cert-authority'];
const SSH_PORT = 22;

/**
 * Compares the key that a host offers with the lines of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). As with
 * OpenSSH, a line without a port counts for another port too where no line names that port.
 * @param key the public key as it travels
 */
export function verifyHostKey(knownHosts: string | null, host: string, port: number, key: Buffer): HostKeyVerdict {
  const { ofPort, ofHost } = linesFor(knownHosts, host, port);
  const offered = key.toString('base64');
  const both = [...ofPort, ...ofHost];
  if (both.some((line) => line.marker === '@revoked' && line.key === offered)) return 'revoked';
  const trusted = ofPort.filter((line) => line.marker === null);
  if (trusted.some((line) => line.key === offered)) return 'known';
  if (trusted.length > 0) return 'other';
  if (ofHost.some((line) => line.marker === null && line.key === offered)) return 'known';
  return both.some((line) => line.marker === '@cert-authority') ? 'certified' : 'unknown';
}

/** The types of the keys that are known of a host: the service asks for those first. */
export function knownKeyTypes(knownHosts: string | null, host: string, port: number): string[] {
  const { ofPort, ofHost } = linesFor(knownHosts, host, port);
  const types = [...ofPort, ...ofHost].filter((line) => line.marker === null).map((line) => line.type);
  return [...new Set(types)];
}

/** What keeps a text from being a known_hosts file, to be put behind its name; null: nothing. OpenSSH skips such lines in silence. */
export function whyNotKnownHosts(text: string): string | null {
  if (text.length > MAX_KNOWN_HOSTS) return `must have at most ${MAX_KNOWN_HOSTS} characters`;
  for (const [index, line] of text.split('\n').entries()) {
    const why = isBlank(line) ? null : whyNotLine(line);
    if (why !== null) return `line ${index + 1} ${why}`;
  }
  return null;
}

/** As ssh-keygen -l shows it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** Lines that are for this port, and lines for the host whatever its port. */
function linesFor(knownHosts: string | null, host: string, port: number): { ofPort: Line[]; ofHost: Line[] } {
  const name = host.toLowerCase();
  if (knownHosts === null || knownHosts.length > MAX_KNOWN_HOSTS || name.length > MAX_HOST_LENGTH) {
    return { ofPort: [], ofHost: [] };
  }
  const lines = knownHosts.split('\n').flatMap((text) => parse(text) ?? []);
  const named = (full: string): Line[] => lines.filter(({ patterns }) => isNamed(patterns, full));
  if (port === SSH_PORT) return { ofPort: named(name), ofHost: [] };
  return { ofPort: named(`[${name}]:${port}`), ofHost: named(name) };
}

function isBlank(text: string): boolean {
  const line = text.trim();
  return line === '' || line.startsWith('#');
}

function parse(text: string): Line | null {
  if (isBlank(text)) return null;
  const words = text.trim().split(/\s+/);
  const marker = words[0]?.startsWith('@') ? (words.shift() ?? null) : null;
  const [patterns, type, key] = words;
  return patterns && type && key ? { marker, patterns, type, key } : null;
}

function whyNotLine(text: string): string | null {
  const line = parse(text);
  if (line === null) return 'must be names, the type of a key and the key, with spaces between them';
  const { marker, patterns, type, key } = line;
  if (marker !== null && !MARKERS.includes(marker))
    return `begins with a marker that is not one of ${MARKERS.join(', ')}`;
  if (patterns.startsWith('|') && hashOf(patterns) === null)
    return 'begins with a hashed name that is not |1|salt|hash';
  for (const pattern of patterns.startsWith('|') ? [] : patterns.split(',')) {
    if (pattern.length > MAX_PATTERN_LENGTH) return `has a pattern of more than ${MAX_PATTERN_LENGTH} characters`;
    if (pattern.split('*').length - 1 > MAX_STARS) return `has a pattern with more than ${MAX_STARS} asterisks`;
  }
  return typeOf(key) === type ? null : `has a key that is not of the type ${type}, or not whole`;
}

/** The name of its type that a key begins with. */
function typeOf(key: string): string | null {
  const bytes = Buffer.from(key, 'base64');
  if (bytes.toString('base64') !== key || bytes.length < 4) return null;
  const length = bytes.readUInt32BE(0);
  return length < bytes.length - 4 ? bytes.toString('latin1', 4, 4 + length) : null;
}

function isNamed(patterns: string, name: string): boolean {
  const hash = hashOf(patterns);
  if (hash !== null) {
    return createHmac('sha1', Buffer.from(hash.salt, 'base64')).update(name).digest('base64') === hash.digest;
  }
  const all = patterns.toLowerCase().split(',');
  // One that is too long to fit may be a negated one: nothing is known of what it was to keep out.
  if (all.some((pattern) => pattern.length > MAX_PATTERN_LENGTH)) return false;
  const negated = all.some((pattern) => pattern.startsWith('!') && matchesWildcard(pattern.slice(1), name));
  return !negated && all.some((pattern) => !pattern.startsWith('!') && matchesWildcard(pattern, name));
}

function hashOf(patterns: string): { salt: string; digest: string } | null {
  const [, salt, digest] = /^\|1\|([A-Za-z0-9+/]{27}=)\|([A-Za-z0-9+/]{27}=)$/.exec(patterns) ?? [];
  return salt !== undefined && digest !== undefined ? { salt, digest } : null;
}
