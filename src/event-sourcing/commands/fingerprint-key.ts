/**
 * Where Nest finds the key (a KeyObject) under which the fingerprints of commands are kept. A plain digest of a body that
 * holds a secret which can be guessed would let whoever reads the table try guesses.
 */
export const FINGERPRINT_KEY = Symbol('FingerprintKey');
