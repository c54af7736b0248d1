/**
 * Arithmetic on values wherever the interpreter's inlined fast paths do not apply: integers of all 64 bits, boxed or
 * not, doubles, and mixtures. Every function takes words of values; those that may box reach a safepoint first, so
 * their callers must have saved the machine's state.
 *
 * A 64-bit integer is handled as two int32 halves. Products and quotients of small integers go through doubles,
 * which hold integers exactly up to 2^53; only what exceeds them takes BigInt.
 */

import { views } from "./memory.ts";
import * as value from "./value.ts";
import { newInt64, safepoint } from "./heap.ts";

const { I32, F64 } = views;
const HI_INT64 = value.HI_OBJECT + value.Kind.INT64;
const HI_UINT = value.HI_UINT;
const DOUBLE_END = value.HI_DOUBLE_END;
const TWO_32 = 4294967296;

/** The low half of the integer at `word`. */
export function intLow(word: number): number {
  return I32[word + 1] === HI_INT64 ? I32[(I32[word] << 1) + 2] : I32[word];
}

/** The high half of the integer at `word`. */
export function intHigh(word: number): number {
  return I32[word + 1] === HI_INT64 ? I32[(I32[word] << 1) + 3] : I32[word + 1] << 16 >> 16;
}

/** Stores an integer given by its halves, boxing it when 48 bits do not hold it. Reaches a safepoint then. */
export function setInt(word: number, low: number, high: number): void {
  if (high !== high << 16 >> 16) safepoint(2);
  storeInt(word, low, high);
}

/** The same without a safepoint, for code that is between two allocations. */
export function storeInt(word: number, low: number, high: number): void {
  if (high === high << 16 >> 16) {
    I32[word] = low;
    I32[word + 1] = high | HI_UINT;
  } else {
    I32[word] = newInt64(low, high);
    I32[word + 1] = HI_INT64;
  }
}

/** Stores an integer given as a safe JavaScript number. */
export function setSafeInt(word: number, n: number): void {
  setInt(word, n | 0, Math.floor(n / TWO_32) | 0);
}

/** Stores the integer `n`, taken modulo 2^64. Reaches a safepoint. */
export function setBigInt(word: number, n: bigint): void {
  safepoint(2);
  storeBigInt(word, n);
}

/** Stores the integer `n`, taken modulo 2^64. No safepoint; a box takes two units. */
export function storeBigInt(word: number, n: bigint): void {
  storeInt(word, Number(BigInt.asIntN(32, n)), Number(BigInt.asIntN(32, n >> 32n)));
}

/** The integer at `word` as a BigInt. */
export function bigIntAt(word: number): bigint {
  return (BigInt(intHigh(word)) << 32n) | BigInt(intLow(word) >>> 0);
}

/** The number at `word`, integer or double, as the nearest double. */
export function numberAt(word: number): number {
  const hi = I32[word + 1];
  if ((hi >>> 0) < DOUBLE_END) return F64[word >> 1];
  if (hi >> 16 === -1) return (hi << 16 >> 16) * TWO_32 + (I32[word] >>> 0);
  return Number(bigIntAt(word));
}

/** Whether the value at `word` is an integer or a double. */
export function isNumber(word: number): boolean {
  const hi = I32[word + 1];
  return (hi >>> 0) < DOUBLE_END || hi >> 16 === -1 || hi === HI_INT64;
}

/** Operators of {@linkcode arithmetic}. ORDER operators: the rows of `opcodes.ts` count on it. */
export const OPERATORS = ["+", "-", "*", "/", "%"] as const;

/** What came of an operation. */
export const Outcome = { DONE: 0, NOT_NUMBERS: 1, DIVISION_BY_ZERO: 2 } as const;

/**
 * Computes `R[to] = R[a] op R[b]` for numbers of every kind; `op` is an index into {@linkcode OPERATORS}. Stores
 * nothing unless the outcome is `DONE`.
 */
export function arithmetic(op: number, to: number, a: number, b: number): number {
  const ah = I32[a + 1], bh = I32[b + 1];
  const aInt = ah >> 16 === -1 || ah === HI_INT64, bInt = bh >> 16 === -1 || bh === HI_INT64;
  if (aInt && bInt) return integers(op, to, a, b);
  if (!(aInt || (ah >>> 0) < DOUBLE_END) || !(bInt || (bh >>> 0) < DOUBLE_END)) return Outcome.NOT_NUMBERS;
  const x = numberAt(a), y = numberAt(b);
  let r: number;
  switch (op) {
    case 0:
      r = x + y;
      break;
    case 1:
      r = x - y;
      break;
    case 2:
      r = x * y;
      break;
    case 3:
      r = x / y;
      break;
    default:
      r = x % y;
      break;
  }
  F64[to >> 1] = r;
  return Outcome.DONE;
}

function integers(op: number, to: number, a: number, b: number): number {
  const al = intLow(a), ah = intHigh(a), bl = intLow(b), bh = intHigh(b);
  switch (op) {
    case 0: {
      const low = (al + bl) | 0;
      setInt(to, low, (ah + bh + ((low >>> 0) < (al >>> 0) ? 1 : 0)) | 0);
      return Outcome.DONE;
    }
    case 1:
      setInt(to, (al - bl) | 0, (ah - bh - ((al >>> 0) < (bl >>> 0) ? 1 : 0)) | 0);
      return Outcome.DONE;
    case 2:
      multiply(to, al, ah, bl, bh);
      return Outcome.DONE;
    default:
      if (bl === 0 && bh === 0) return Outcome.DIVISION_BY_ZERO;
      divide(op === 3, to, al, ah, bl, bh);
      return Outcome.DONE;
  }
}

/**
 * The low 64 bits of a product. `al * bl` is taken in 16-bit limbs, since no 32-bit operation gives the upper half;
 * the cross products only matter modulo 2^32.
 */
function multiply(to: number, al: number, ah: number, bl: number, bh: number): void {
  const a0 = al & 0xFFFF, a1 = al >>> 16, b0 = bl & 0xFFFF, b1 = bl >>> 16;
  const low = a0 * b0, mid = a1 * b0 + (low >>> 16), mid2 = a0 * b1 + (mid % 65536);
  const high = a1 * b1 + Math.floor(mid / 65536) + Math.floor(mid2 / 65536);
  setInt(to, Math.imul(al, bl), (high + Math.imul(al, bh) + Math.imul(ah, bl)) | 0);
}

function divide(quotient: boolean, to: number, al: number, ah: number, bl: number, bh: number): void {
  if (ah === ah << 16 >> 16 && bh === bh << 16 >> 16) {
    // Both within 48 bits: the quotient of the doubles, cut off, is exact, since rounding up to the next integer
    // would take a relative error above 2^-49.
    const x = ah * TWO_32 + (al >>> 0), y = bh * TWO_32 + (bl >>> 0), q = Math.trunc(x / y);
    setSafeInt(to, quotient ? q : x - q * y);
    return;
  }
  const x = BigInt(ah) << 32n | BigInt(al >>> 0), y = BigInt(bh) << 32n | BigInt(bl >>> 0);
  setBigInt(to, quotient ? x / y : x % y); // MIN / -1 is 2^63, which wraps to MIN
}

/** Computes `R[to] = -R[a]` for a number; false if it is none. */
export function negate(to: number, a: number): boolean {
  const hi = I32[a + 1];
  if ((hi >>> 0) < DOUBLE_END) {
    F64[to >> 1] = -F64[a >> 1];
    return true;
  }
  if (hi >> 16 !== -1 && hi !== HI_INT64) return false;
  const low = intLow(a), high = intHigh(a);
  setInt(to, -low | 0, (~high + (low === 0 ? 1 : 0)) | 0);
  return true;
}
