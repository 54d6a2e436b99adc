import ssh2 from 'ssh2';

/** For hosts that let in whoever comes. Of Ed25519 keys, ssh2 makes one in 256 that it cannot read itself. */
export const PRIVATE_KEY = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).private;
