/**
 * Equality and order of values. Numbers compare by their exact mathematical value, whatever their form: neither does
 * an integer past 2^53 lose its last bits to a double, nor the other way round.
 */

import { views } from "./memory.ts";
import { HI_DOUBLE_END, HI_INT64, HI_STRING, immediate, isDouble, isInt } from "./value.ts";
import { compareStrings, equalStrings } from "./strings.ts";

const { I32, F64 } = views;
const TWO_32 = 4294967296;

/**
 * Whether the values at two words are equal: numbers by value, strings by content, all else by identity. Values of
 * different kinds are unequal; not-a-number equals nothing.
 */
export function equalValues(a: number, b: number): boolean {
  const highA = I32[a + 1], highB = I32[b + 1];
  if (highA === highB) {
    if (I32[a] === I32[b]) return (highA >>> 0) >= HI_DOUBLE_END || F64[a >> 1] === F64[a >> 1];
    if (highA === HI_STRING) return equalStrings(I32[a], I32[b]);
    // Two doubles of one high word and different low ones differ. (Zeros differ in the high one.)
    return highA === HI_INT64 && compareWide(I32[a], I32[b]) === 0;
  }
  // An integer has one form, so what is left are two doubles or a mixed pair.
  if (isDouble(highA)) return isNumber(highB) && compareNumbers(a, b) === 0;
  return isDouble(highB) && isInt(highA) && compareNumbers(a, b) === 0;
}

function isNumber(high: number): boolean {
  return isInt(high) || isDouble(high);
}

/** Whether `<` and its like have a meaning for this pair: two numbers, or two strings. */
export function isComparable(a: number, b: number): boolean {
  const highA = I32[a + 1], highB = I32[b + 1];
  return isNumber(highA) ? isNumber(highB) : highA === HI_STRING && highB === HI_STRING;
}

/** The order of two numbers: -1, 0 or 1; NaN if one of them is not-a-number. */
export function compareNumbers(a: number, b: number): number {
  if (I32[a + 1] === HI_INT64) {
    if (I32[b + 1] === HI_INT64) return compareWide(I32[a], I32[b]);
    return compareWideTo(I32[a], narrowNumber(b));
  }
  if (I32[b + 1] === HI_INT64) return 0 - compareWideTo(I32[b], narrowNumber(a));
  const x = narrowNumber(a), y = narrowNumber(b);
  return x < y ? -1 : x > y ? 1 : x === y ? 0 : NaN;
}

/** The number at `word`, unless it is boxed: 48 bits fit a double. */
function narrowNumber(word: number): number {
  return isDouble(I32[word + 1]) ? F64[word >> 1] : immediate(word);
}

/** The order of two boxed integers. */
function compareWide(a: number, b: number): number {
  const wordA = a << 1, wordB = b << 1;
  if (I32[wordA + 3] !== I32[wordB + 3]) return I32[wordA + 3] < I32[wordB + 3] ? -1 : 1;
  const lowA = I32[wordA + 2] >>> 0, lowB = I32[wordB + 2] >>> 0;
  return lowA < lowB ? -1 : lowA > lowB ? 1 : 0;
}

/** The order of a boxed integer and a double, found in integers: the two words of the double's floor. */
function compareWideTo(ref: number, x: number): number {
  if (x !== x) return NaN;
  if (x >= 9223372036854775808) return -1;
  if (x < -9223372036854775808) return 1;
  const word = ref << 1, floor = Math.floor(x);
  const high = Math.floor(floor / TWO_32), low = floor - high * TWO_32;
  if (I32[word + 3] !== high) return I32[word + 3] < high ? -1 : 1;
  const own = I32[word + 2] >>> 0;
  if (own !== low) return own < low ? -1 : 1;
  return floor < x ? -1 : 0;
}

/** `a < b` for a pair that {@linkcode isComparable} allows. */
export function lessThan(a: number, b: number): boolean {
  return I32[a + 1] === HI_STRING ? compareStrings(I32[a], I32[b]) < 0 : compareNumbers(a, b) < 0;
}

/** `a <= b` for a pair that {@linkcode isComparable} allows. */
export function lessEqual(a: number, b: number): boolean {
  return I32[a + 1] === HI_STRING ? compareStrings(I32[a], I32[b]) <= 0 : compareNumbers(a, b) <= 0;
}
