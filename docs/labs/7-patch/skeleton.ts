/**
 * Lab 7: filling the holes in machine code.
 */

/** A hole: `size` bytes at `offset` that want the distance from `end` to the place of a label. */
export interface Fixup {
  readonly offset: number;
  readonly size: 1 | 4;
  /** Where the next instruction begins, from which the processor counts. */
  readonly end: number;
  /** An index of `labels`. */
  readonly label: number;
}

/**
 * Fills all holes of `bytes`; labels[i] is the offset of label i.
 * @throws {RangeError} if a distance does not fit its hole; then nothing has been changed
 */
export function patch(bytes: Uint8Array, fixups: readonly Fixup[], labels: readonly number[]): void {
  // TODO
  void [bytes, fixups, labels];
}
