/**
 * Lab 4: values as 64 bits, and back.
 */

/** What a program can have, as TypeScript has it: integers are bigint, doubles are number, nil is null. */
export type Value = bigint | number | boolean | null;

/**
 * The 64 bits of a value.
 * @throws {RangeError} if it is an integer that does not fit 48 bits
 */
export function encode(value: Value): readonly [high: number, low: number] {
  throw new Error(`TODO: encode ${value}`);
}

/** The value that 64 bits are. */
export function decode(high: number, low: number): Value {
  throw new Error(`TODO: decode ${high} ${low}`);
}
