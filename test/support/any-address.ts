import { SshAddresses } from '../../src/runtime/drivers/ssh/ssh-addresses.js';

/** As on a machine that nobody else can call. */
export const ANY_ADDRESS = new SshAddresses(null, () => Promise.resolve(true));
