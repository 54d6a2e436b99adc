import { createHash, createHmac } from 'node:crypto';

/** What a known_hosts file says of a host key. */
export type HostKeyVerdict = 'known' | 'unknown' | 'other' | 'revoked';

interface Line {
  readonly marker: string | null;
  readonly patterns: readonly string[];
  readonly type: string;
  readonly key: string;
}

/**
 * Compares the key that a host offers with the lines of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
 * @param key the public key as it travels
 */
export function verifyHostKey(knownHosts: string | null, host: string, port: number, key: Buffer): HostKeyVerdict {
  const lines = linesFor(knownHosts, host, port);
  const offered = key.toString('base64');
  if (lines.some((line) => line.marker === '@revoked' && line.key === offered)) return 'revoked';
  const trusted = lines.filter((line) => line.marker === null);
  if (trusted.some((line) => line.key === offered)) return 'known';
  return trusted.length > 0 ? 'other' : 'unknown';
}

/** The types of the keys that are known of a host: those are to be asked for first. */
export function knownKeyTypes(knownHosts: string | null, host: string, port: number): string[] {
  const types = linesFor(knownHosts, host, port)
    .filter((line) => line.marker === null)
    .map((line) => line.type);
  return [...new Set(types)];
}

/** As ssh-keygen -l shows it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

function linesFor(knownHosts: string | null, host: string, port: number): Line[] {
  const name = (port === 22 ? host : `[${host}]:${port}`).toLowerCase();
  return (knownHosts ?? '').split('\n').flatMap((text) => {
    const line = parse(text);
    return line && matches(line.patterns, name) ? [line] : [];
  });
}

function parse(text: string): Line | null {
  const words = text.trim().split(/\s+/);
  if (words[0] === undefined || words[0] === '' || words[0].startsWith('#')) return null;
  const marker = words[0].startsWith('@') ? (words.shift() ?? null) : null;
  const [patterns, type, key] = words;
  return patterns && type && key ? { marker, patterns: patterns.split(','), type, key } : null;
}

function matches(patterns: readonly string[], name: string): boolean {
  const negated = patterns.some((pattern) => pattern.startsWith('!') && fits(pattern.slice(1), name));
  return !negated && patterns.some((pattern) => !pattern.startsWith('!') && fits(pattern, name));
}

function fits(pattern: string, name: string): boolean {
  const hashed = /^\|1\|([^|]+)\|([^|]+)$/.exec(pattern);
  if (hashed) {
    const [, salt = '', hash] = hashed;
    return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
  }
  const expression = pattern
    .toLowerCase()
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`).test(name);
}
