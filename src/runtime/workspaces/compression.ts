/** What compressed files begin with, in hex; a name of a file, with which a tar archive begins, may be much alike. */
const BEGINNINGS: readonly (readonly [name: string, hex: RegExp])[] = [
  ['gzip', /^1f8b08/],
  ['bzip2', /^425a683[1-9]314159265359/],
  ['xz', /^fd377a585a00/],
  ['zstd', /^28b52ffd/],
  ['zip', /^504b0304/],
];

/** What something is compressed by, as far as its beginning tells; null where it is not. */
export function compressionOf(beginning: Buffer): string | null {
  const hex = beginning.subarray(0, 16).toString('hex');
  return BEGINNINGS.find(([, begins]) => begins.test(hex))?.[0] ?? null;
}
