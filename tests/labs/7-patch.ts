interface Fixup {
  readonly offset: number;
  readonly size: 1 | 4;
  readonly end: number;
  readonly label: number;
}

export function patch(bytes: Uint8Array, fixups: readonly Fixup[], labels: readonly number[]): void {
  for (const { size, end, label } of fixups) {
    const distance = labels[label] - end, bound = 2 ** (8 * size - 1);
    if (distance < -bound || distance >= bound) {
      throw new RangeError(`${distance} does not fit ${size} bytes`);
    }
  }
  for (const { offset, size, end, label } of fixups) {
    for (let i = 0; i < size; i++) bytes[offset + i] = labels[label] - end >> 8 * i;
  }
}
