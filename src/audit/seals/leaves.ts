/** The leaf hashes of some events, one after another, with the events' positions. */
export interface Leaves {
  readonly positions: readonly number[];
  readonly leaves: Buffer;
}
