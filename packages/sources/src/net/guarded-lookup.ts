import { lookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';

/**
 * Looks names up as usual, and fails where one leads to an address that must not be asked: what is checked is what is connected to.
 * @param problemOf why an address is not to be asked; null when it may be
 */
export function lookupGuardedBy(problemOf: (hostname: string, address: string) => string | null): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      const addresses = found as LookupAddress[] | undefined;
      if (error !== null || addresses === undefined) return callback(error, []);
      const problem = addresses.map(({ address }) => problemOf(hostname, address)).find((one) => one !== null) ?? null;
      if (problem !== null) return callback(new Error(problem), []);
      const [first] = addresses;
      if (options.all === true) callback(null, addresses);
      else if (first === undefined) callback(new Error('it has no address'), '');
      else callback(null, first.address, first.family);
    });
  };
}
