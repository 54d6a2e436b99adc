import { lookup as resolve, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { whyNotPublic } from '../addresses.js';

/** The name leads to where nothing is sent. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
}

/**
 * Looks a name up for one connection, which then goes to what was checked here and is not looked up again. A name with
 * several addresses is refused for a single one that is not public: which one would be taken is left to chance.
 */
export const checkedLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    const failure = error ?? refusalOf(hostname, addresses);
    const [first] = addresses;
    if (failure !== null || first === undefined) callback(failure ?? new Error(`${hostname} has no address`), '', 0);
    else if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function refusalOf(hostname: string, addresses: readonly LookupAddress[]): AddressRefusedError | null {
  const [why] = addresses.flatMap(({ address }) => whyNotPublic(address) ?? []);
  return why === undefined ? null : new AddressRefusedError(`${hostname} is refused: ${why}`);
}
