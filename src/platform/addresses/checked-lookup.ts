import { lookup as resolve, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';

/** The name leads to where nothing is connected to. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
}

/**
 * Looks a name up for one connection, which then goes to what was checked here and is not looked up again. A name with
 * several addresses is refused for a single one that is refused: which one would be taken is left to chance.
 * @param whyRefused null for an address that may be connected to
 */
export function checkedLookup(whyRefused: (address: string) => string | null): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      // Where it is not null, there are no addresses, whatever the types say.
      const failure = error ?? refusalOf(hostname, addresses, whyRefused);
      if (failure !== null) callback(failure, '', 0);
      else if (options.all === true) callback(null, addresses);
      else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
    });
  };
}

function refusalOf(
  hostname: string,
  addresses: readonly LookupAddress[],
  whyRefused: (address: string) => string | null,
): AddressRefusedError | null {
  const [why] = addresses.flatMap(({ address }) => whyRefused(address) ?? []);
  if (why !== undefined) return new AddressRefusedError(`${hostname} is refused: ${why}`);
  return addresses.length > 0 ? null : new AddressRefusedError(`${hostname} has no address`);
}
