import ssh2 from 'ssh2';

/** For hosts that let in whoever comes. Of Ed25519 keys, ssh2 makes one in 256 that it cannot read itself. */
export const PRIVATE_KEY = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).private;

/** The line of authorized_keys that lets a key in. */
export function authorizedLine(privateKey: string): string {
  const key = ssh2.utils.parseKey(privateKey);
  if (key instanceof Error) throw key;
  return `${key.type} ${key.getPublicSSH().toString('base64')}`;
}
