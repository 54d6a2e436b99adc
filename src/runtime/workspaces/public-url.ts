const SCHEMES = ['http:', 'https:', 'ssh:', 'git:', 'ftp:', 'ftps:', 'file:', 'git+ssh:', 'ssh+git:'];
/** `[user@]host:path`, which has no place for a password. */
const SHORT_SSH = /^(?:[\w.-]+@)?(?:[\w.-]+|\[[\da-f:]+\]):(?!:|\/\/)[^@]*$/i;
const LOCAL_PATH = /^(?:\/|\.{1,2}\/)/;

/** Where a remote is, without what lets one in there; null for what may say more than that, as a helper's command does. */
export function publicUrl(text: string): string | null {
  if (!text.includes('://')) return SHORT_SSH.test(text) || LOCAL_PATH.test(text) ? text : null;
  try {
    const url = new URL(text);
    if (!SCHEMES.includes(url.protocol)) return null;
    // The name at an SSH host is no secret; elsewhere it may be a token.
    if (!url.protocol.includes('ssh')) url.username = '';
    url.password = '';
    url.search = '';
    url.hash = '';
    return url.href;
  } catch {
    return null;
  }
}
