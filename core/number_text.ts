/**
 * Numbers as text and back. Floats print as C's `%.14g` does, digit for digit: 14 significant digits of the exact
 * binary value, ties to even, no trailing zeros, an exponent below 1e-4 and from 1e14 on. This file knows neither the
 * heap nor values; `text.ts` writes the digits of small integers by itself, since that needs no JavaScript string.
 */

/** `x` as C's `%.14g` writes it; not-a-number is `nan` whatever its sign. */
export function formatDouble(x: number): string {
  const size = Math.abs(x), shortest = String(x);
  // JavaScript writes the shortest decimal that reads back as x. Fourteen characters and a dot hold at most 14
  // digits, and neighbouring 14-digit decimals are so much further apart than neighbouring doubles that the
  // shortest one is then the nearest one too. (Not so among subnormals: hence the lower bound, far above them.)
  if (size >= 1e-4 && size < 1e14 && shortest.length <= 15) return shortest;
  // Here 14 digits always include a fraction, and no exponent. A tie ends in 5, and is rounded with more care below.
  if (size >= 1e-4 && size < 1e12 && shortest.charCodeAt(shortest.length - 1) !== 53) {
    const text = x.toPrecision(14), length = significant(text);
    return text.slice(0, text.charCodeAt(length - 1) === 46 ? length - 1 : length);
  }
  if (x === 0) return Object.is(x, -0) ? "-0" : "0";
  if (x !== x) return "nan";
  if (size === Infinity) return x < 0 ? "-inf" : "inf";
  return (x < 0 ? "-" : "") + formatGeneral(size);
}

/** `%.14g` of a positive finite number. */
function formatGeneral(x: number): string {
  // d.ddddddddddddde+X or e-X; rounds the exact value, but ties away from zero.
  let text = x.toExponential(13);
  if (isTie(x) && (text.charCodeAt(14) & 1) === 1) {
    // The tie was rounded up to an odd digit, which is therefore not 0: the even neighbour is one below.
    text = text.slice(0, 14) + (text.charCodeAt(14) - 49) + text.slice(15);
  }
  const exponent = Number(text.slice(16));
  let digits = text[0] + text.slice(2, 15);
  digits = digits.slice(0, significant(digits));
  if (exponent < -4 || exponent >= 14) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return withPoint(digits, 1) + (exponent < 0 ? "e-" : "e+") + size;
  }
  if (exponent < 0) return "0." + "0".repeat(-1 - exponent) + digits;
  return withPoint(digits.padEnd(exponent + 1, "0"), exponent + 1);
}

/**
 * Whether x lies exactly between two decimals of 14 digits. It is then a decimal of 15 digits that ends in 5, so
 * d * 10^k with a d between 1e14 and 1e15; and for d * 5^k to be a double, k can only be from -21 to 2. In that range
 * a hundred digits are all there are.
 */
function isTie(x: number): boolean {
  if (x < 1e-7 || x >= 1e17 || x.toExponential(16).slice(15, 18) !== "500") return false;
  return Number(x.toExponential(100).slice(16, 102)) === 0;
}

/** Length of `digits` without trailing zeros. */
function significant(digits: string): number {
  let length = digits.length;
  while (digits.charCodeAt(length - 1) === 48) length--;
  return length;
}

/** Digits with a point after the first `whole` of them, where any are left. */
function withPoint(digits: string, whole: number): string {
  return digits.length > whole ? digits.slice(0, whole) + "." + digits.slice(whole) : digits;
}

/** The 64-bit integer of these two words in decimal. */
export function formatInt64(low: number, high: number): string {
  if (high >= -0x200000 && high < 0x200000) return String(high * 4294967296 + (low >>> 0));
  return String(BigInt(high) << 32n | BigInt(low >>> 0));
}

const INT = /^[+-]?[0-9]+$/;
const DIGITS = "[0-9](?:_?[0-9])*";
const LITERAL = new RegExp(
  `^([+-]?)(0[xX][0-9a-fA-F](?:_?[0-9a-fA-F])*|${DIGITS}(?:\\.${DIGITS})?(?:[eE][+-]?${DIGITS})?)$`,
);

/** What `int(text)` means: an optional sign and decimal digits; null for any other text and beyond 64 bits. */
export function parseIntText(text: string): bigint | null {
  if (!INT.test(text)) return null;
  const value = BigInt(text.charCodeAt(0) === 43 ? text.slice(1) : text);
  return BigInt.asIntN(64, value) === value ? value : null;
}

/**
 * What `float(text)` means: a number literal of the language, with an optional sign. Null for any other text and for
 * what is too large for a double; an integer past 64 bits becomes the nearest double.
 */
export function parseFloatText(text: string): number | null {
  const match = LITERAL.exec(text);
  if (match === null) return null;
  const value = Number(match[2].replaceAll("_", ""));
  if (value === Infinity) return null;
  return match[1] === "-" ? -value : value;
}
