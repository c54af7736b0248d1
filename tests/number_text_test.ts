/** Numbers as text, held to an implementation in exact integer arithmetic that shares no idea with the real one. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { formatDouble, formatInt64, parseFloatText, parseIntText } from "../core/number_text.ts";

/** `%.14g` by the book: the exact fraction, rounded half to even in BigInt. */
function exactFormat(x: number): string {
  if (Number.isNaN(x)) return "nan";
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0), sign = bits >> 63n === 1n ? "-" : "";
  const biased = Number(bits >> 52n & 0x7FFn), fraction = bits & 0xFFFFFFFFFFFFFn;
  if (biased === 0x7FF) return sign + "inf";
  if (biased === 0 && fraction === 0n) return sign + "0";
  const mantissa = biased === 0 ? fraction : fraction | 1n << 52n;
  const power = BigInt(Math.max(biased, 1) - 1075);
  const top = power > 0n ? mantissa << power : mantissa, bottom = power < 0n ? 1n << -power : 1n;
  // exponent: the X with 10^X <= top / bottom < 10^(X + 1)
  let exponent = top.toString().length - bottom.toString().length;
  if (scaled(top, -exponent) < scaled(bottom, 0) * down(exponent)) exponent--;
  let digits = roundEven(scaled(top, 13 - exponent), bottom * down(exponent - 13));
  if (digits === 10n ** 14n) {
    digits /= 10n;
    exponent++;
  }
  const text = digits.toString().replace(/0+$/, "");
  if (exponent < -4 || exponent >= 14) {
    const tail = text.length > 1 ? "." + text.slice(1) : "";
    return `${sign}${text[0]}${tail}e${exponent < 0 ? "-" : "+"}${
      String(Math.abs(exponent)).padStart(2, "0")
    }`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${text}`;
  const whole = text.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return sign + whole + (text.length > exponent + 1 ? "." + text.slice(exponent + 1) : "");
}

function scaled(n: bigint, power: number): bigint {
  return power > 0 ? n * 10n ** BigInt(power) : n;
}

function down(power: number): bigint {
  return power > 0 ? 10n ** BigInt(power) : 1n;
}

function roundEven(top: bigint, bottom: bigint): bigint {
  const whole = top / bottom, twice = top % bottom * 2n;
  return twice > bottom || twice === bottom && (whole & 1n) === 1n ? whole + 1n : whole;
}

Deno.test("formatDouble() writes the examples of the manual", () => {
  const rows: [number, string][] = [
    [1, "1"],
    [0.1 + 0.2, "0.3"],
    [1 / 3, "0.33333333333333"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [123456789e-14, "1.23456789e-06"],
    [100000000000000, "1e+14"],
    [99999999999999, "99999999999999"],
    [99999999999999.9, "1e+14"],
    [12345678901234, "12345678901234"],
    [123456789012345, "1.2345678901234e+14"],
    [123456789012355, "1.2345678901236e+14"],
    [1234567890123.25, "1234567890123.2"],
    [1234567890123.75, "1234567890123.8"],
    [-1234567890123.25, "-1234567890123.2"],
    [5e-324, "4.9406564584125e-324"],
    [1.7976931348623157e308, "1.7976931348623e+308"],
    [0, "0"],
    [-0, "-0"],
    [NaN, "nan"],
    [Infinity, "inf"],
    [-Infinity, "-inf"],
  ];
  for (const [x, text] of rows) {
    assertStrictEquals(formatDouble(x), text);
    assertStrictEquals(exactFormat(x), text);
  }
});

Deno.test("formatDouble() agrees with exact arithmetic on any double", () => {
  fc.assert(fc.property(fc.double(), (x) => formatDouble(x) === exactFormat(x)), { numRuns: 3000 });
});

Deno.test("formatDouble() agrees with exact arithmetic on short decimals", () => {
  const decimal = fc.tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.integer({ min: -25, max: 25 }));
  fc.assert(
    fc.property(decimal, ([digits, power]) => {
      const x = Number(`${digits}e${power}`);
      return formatDouble(x) === exactFormat(x);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("formatDouble() rounds ties to even, and what is next to a tie by its value", () => {
  // A tie has 15 digits, ends in 5 and is d / 2^k.
  const half = fc.tuple(
    fc.bigInt({ min: 10n ** 13n, max: 10n ** 14n - 1n }),
    fc.integer({ min: 0, max: 21 }),
  );
  const bits = new DataView(new ArrayBuffer(8));
  fc.assert(
    fc.property(half, fc.integer({ min: -1, max: 1 }), ([n, shift], nudge) => {
      bits.setFloat64(0, (Number(n) * 10 + 5) / 2 ** shift);
      bits.setBigInt64(0, bits.getBigInt64(0) + BigInt(nudge));
      const x = bits.getFloat64(0);
      return formatDouble(x) === exactFormat(x) && formatDouble(-x) === exactFormat(-x);
    }),
    { numRuns: 3000 },
  );
  for (let d = 1; d < 2000; d += 2) {
    const x = d * 5 ** 17 / 2 ** 20; // many have exactly 15 digits
    assertStrictEquals(formatDouble(x), exactFormat(x));
  }
});

Deno.test("formatInt64() writes all 64 bits", () => {
  const edges = [0n, 1n, -1n, 1n << 31n, 1n << 32n, 1n << 47n, 1n << 53n, (1n << 63n) - 1n, -(1n << 63n)];
  const check = (n: bigint) =>
    formatInt64(Number(BigInt.asIntN(32, n)), Number(BigInt.asIntN(32, n >> 32n))) === String(n);
  for (const n of edges) for (const d of [-1n, 0n, 1n]) assertEquals(check(BigInt.asIntN(64, n + d)), true);
  fc.assert(fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), check));
});

Deno.test("parseIntText() takes an optional sign and digits, within 64 bits", () => {
  const rows: [string, bigint | null][] = [
    ["0", 0n],
    ["+7", 7n],
    ["-007", -7n],
    ["9223372036854775807", 9223372036854775807n],
    ["-9223372036854775808", -9223372036854775808n],
    ["9223372036854775808", null],
    ["-9223372036854775809", null],
  ];
  for (const [text, value] of rows) assertStrictEquals(parseIntText(text), value);
  for (const text of ["", "+", "-", "1.5", " 1", "1 ", "1\n", "0x10", "1e3", "1_000", "--1", "١", "abc"]) {
    assertStrictEquals(parseIntText(text), null);
  }
});

Deno.test("parseFloatText() takes number literals with a sign", () => {
  const rows: [string, number][] = [
    ["1.5", 1.5],
    ["-1.5e3", -1500],
    ["+2", 2],
    ["1E-2", 0.01],
    ["1_000.5", 1000.5],
    ["0xff", 255],
    ["-0", -0],
    ["18446744073709551616", 18446744073709551616],
  ];
  for (const [text, value] of rows) assertStrictEquals(parseFloatText(text), value);
  const bad = [
    "",
    "-",
    ".5",
    "1.",
    "1e",
    "1e400",
    "nan",
    "inf",
    "Infinity",
    " 1",
    "1 ",
    "1__0",
    "_1",
    "1_",
    "1e_5",
    "0x",
  ];
  for (const text of bad) assertStrictEquals(parseFloatText(text), null);
});
