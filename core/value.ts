/**
 * What the 64 bits of a value mean. A double is itself; everything else hides in the NaNs that no arithmetic
 * produces: the upper 16 bits are a tag, the lower 48 a payload.
 *
 * ```text
 *  63        48 47        32 31                            0
 *  0xFFFF      |  48-bit signed integer                     |   INT    the greatest tag
 *  0xFFFE      |  0         |  0                            |   NIL
 *  0xFFFD      |  0         |  0 or 1                       |   BOOL
 *  0xFFFC      |  kind      |  ref                          |   OBJECT  kind in the same word as the tag
 *  0xFFFB      |  0         |  0                            |   EMPTY  no value: an unset global, a removed map entry
 *  below 0xFFF9: a double (hardware NaN 0xFFF8..., JavaScript's NaN 0x7FF8...)
 *      +- high word, `HI` -+ +---------- low word, `LO` ----+
 * ```
 *
 * Values are read and copied as two 32-bit words. A boxed value never passes through `F64`, a JavaScript number or
 * a BigInt, since engines may canonicalise NaNs; `F64` is read only where the tag has shown a double.
 *
 * Integers of the language have 64 bits. Those that fit 48 are immediate; the others are objects of kind INT64, and
 * always canonical: a value that fits is never boxed, so equal integers of immediate form have equal words.
 * `docs/architecture.md` tells why this encoding.
 */

import { views } from "./memory.ts";

const { I32, F64 } = views;

/** High word of nil. */
export const HI_NIL = -131072; // 0xFFFE0000
/** High word of true and false. */
export const HI_BOOL = -196608; // 0xFFFD0000
/** High word of an object of kind 0; add the kind. */
export const HI_OBJECT = -262144; // 0xFFFC0000
/** High word of the mark that there is no value. */
export const HI_EMPTY = -327680; // 0xFFFB0000
/** High word of an integer from 0 to 2^32 - 1, hence of every array index. */
export const HI_UINT = -65536; // 0xFFFF0000
/** Unsigned bound: a high word below it is a double's. */
export const HI_DOUBLE_END = 0xFFF90000;

/** Kinds of heap objects; a value of kind K has the high word `HI_OBJECT + K`. ORDER kinds: `KIND_NAMES`, gc.ts. */
export const Kind = {
  BYTES: 0,
  STRING: 1,
  INT64: 2,
  ARRAY: 3,
  MAP: 4,
  STRUCT: 5,
  STRUCT_TYPE: 6,
  FUNCTION: 7,
  NATIVE: 8,
  MODULE: 9,
  FUTURE: 10,
  RESOURCE: 11,
  CELL: 12,
  ITEMS: 13,
  PROTO: 14,
} as const;

/** What `type(x)` answers for each kind; kinds that no program can hold have no name. ORDER kinds */
export const KIND_NAMES: readonly string[] = [
  "",
  "string",
  "int",
  "array",
  "map",
  "struct",
  "type",
  "function",
  "function",
  "module",
  "future",
  "resource",
  "",
  "",
  "",
];

/**
 * Types have numbers: that of an object is its kind, that of every integer the kind of boxed ones, and these are those of
 * what is neither.
 */
export const TypeNumber = { FLOAT: 16, BOOL: 17, NIL: 18 } as const;

/** What `type(x)` answers, by the type's number. ORDER kinds */
export const TYPE_NAMES: readonly string[] = [...KIND_NAMES, "", "float", "bool", "nil"];

/** High word of a string. */
export const HI_STRING: number = HI_OBJECT + Kind.STRING;
/** High word of a boxed integer. */
export const HI_INT64: number = HI_OBJECT + Kind.INT64;
/** High word of an array. */
export const HI_ARRAY: number = HI_OBJECT + Kind.ARRAY;
/** High word of a map. */
export const HI_MAP: number = HI_OBJECT + Kind.MAP;
/** High word of a struct instance. */
export const HI_STRUCT: number = HI_OBJECT + Kind.STRUCT;
/** High word of a struct type. */
export const HI_STRUCT_TYPE: number = HI_OBJECT + Kind.STRUCT_TYPE;
/** High word of a function of the program. */
export const HI_FUNCTION: number = HI_OBJECT + Kind.FUNCTION;
/** High word of a native function. */
export const HI_NATIVE: number = HI_OBJECT + Kind.NATIVE;
/** High word of a module. */
export const HI_MODULE: number = HI_OBJECT + Kind.MODULE;
/** High word of a future. */
export const HI_FUTURE: number = HI_OBJECT + Kind.FUTURE;

const TWO_32 = 4294967296;

/** Whether `hi` belongs to an immediate integer. */
export function isImmediate(hi: number): boolean {
  return hi >> 16 === -1;
}

/** Whether `hi` belongs to an integer, immediate or boxed. */
export function isInt(hi: number): boolean {
  return hi >> 16 === -1 || hi === HI_OBJECT + 2;
}

/** Whether `hi` belongs to a double. */
export function isDouble(hi: number): boolean {
  return (hi >>> 0) < HI_DOUBLE_END;
}

/** Whether `hi` belongs to an object. */
export function isObject(hi: number): boolean {
  return hi >> 16 === -4;
}

/** The immediate integer at `word` as a JavaScript number, exactly. */
export function immediate(word: number): number {
  return (I32[word + 1] << 16 >> 16) * TWO_32 + (I32[word] >>> 0);
}

/** Whether the safe integer `n` has an immediate form: -2^47 <= n < 2^47. */
export function fitsImmediate(n: number): boolean {
  return n >= -140737488355328 && n < 140737488355328;
}

/** Stores `n`, an integer for which {@linkcode fitsImmediate} holds. */
export function setImmediate48(word: number, n: number): void {
  I32[word] = n; // ToInt32: the low 32 bits
  I32[word + 1] = Math.floor(n / TWO_32) | HI_UINT;
}

/** Stores an integer of 32 bits. */
export function setInt32(word: number, n: number): void {
  I32[word] = n;
  I32[word + 1] = (n >> 31) | HI_UINT;
}

/** Stores a double; NaN becomes the one NaN that is a double. */
export function setDouble(word: number, x: number): void {
  F64[word >> 1] = x === x ? x : NaN;
}

/** Stores nil. */
export function setNil(word: number): void {
  I32[word] = 0;
  I32[word + 1] = HI_NIL;
}

/** Stores true or false. */
export function setBool(word: number, value: boolean): void {
  I32[word] = value ? 1 : 0;
  I32[word + 1] = HI_BOOL;
}

/** Stores a reference to the object of `kind` at `ref`. */
export function setObject(word: number, kind: number, ref: number): void {
  I32[word] = ref;
  I32[word + 1] = HI_OBJECT + kind;
}

/** Copies the value at `from` to `to`. */
export function copyValue(to: number, from: number): void {
  I32[to] = I32[from];
  I32[to + 1] = I32[from + 1];
}

/** Whether the value at `word` counts as true: all but nil, false, 0, 0.0 and -0.0. */
export function isTruthy(word: number): boolean {
  const hi = I32[word + 1];
  if (hi === HI_BOOL || hi === HI_UINT) return I32[word] !== 0;
  if (hi === HI_NIL) return false;
  return (hi >>> 0) >= HI_DOUBLE_END || F64[word >> 1] !== 0;
}

/** The number of the type of values with this high word. */
export function typeNumber(hi: number): number {
  if (isDouble(hi)) return TypeNumber.FLOAT;
  switch (hi >> 16) {
    case -1:
      return Kind.INT64;
    case -2:
      return TypeNumber.NIL;
    case -3:
      return TypeNumber.BOOL;
    default:
      return hi & 0xFFFF;
  }
}

/** The kind of the value at `word` as `type(x)` and error messages name it. */
export function kindName(word: number): string {
  return TYPE_NAMES[typeNumber(I32[word + 1])];
}
