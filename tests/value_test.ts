/** Values: each number survives its encoding, each kind is told from every other, and comparison is exact. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { STACK, views } from "../core/memory.ts";
import {
  copyValue,
  fitsImmediate,
  HI_EMPTY,
  HI_NIL,
  immediate,
  isDouble,
  isImmediate,
  isInt,
  isObject,
  isTruthy,
  Kind,
  KIND_NAMES,
  kindName,
  setBool,
  setDouble,
  setImmediate48,
  setInt32,
  setNil,
  setObject,
} from "../core/value.ts";
import { highWordOf, newArray, newHandle, newInt64 } from "../core/heap.ts";
import { newStringLatin1 } from "../core/strings.ts";
import { newMap } from "../core/maps.ts";
import { compareNumbers, equalValues, isComparable, lessEqual, lessThan } from "../core/compare.ts";

const { I32, F64 } = views;
const A = STACK, B = STACK + 2;

/** Stores a number as the language would: a bigint as an integer, a number as a float. */
function setNumber(word: number, n: bigint | number): void {
  if (typeof n === "number") setDouble(word, n);
  else if (fitsImmediate(Number(n))) setImmediate48(word, Number(n));
  else {
    const low = Number(BigInt.asIntN(32, n)), high = Number(BigInt.asIntN(32, n >> 32n));
    setObject(word, Kind.INT64, newInt64(low, high));
  }
}

const INT_EDGES = [0n, 31n, 32n, 47n, 53n, 62n, 63n].flatMap((bits) => {
  const edge = bits === 0n ? 0n : 1n << bits;
  return [edge - 1n, edge, edge + 1n, -edge - 1n, -edge, -edge + 1n];
}).filter((n) => BigInt.asIntN(64, n) === n);

const FLOAT_EDGES = [
  ...[0, 0.5, 1, 1.5, 2 ** 31, 2 ** 32, 2 ** 47, 2 ** 47 - 0.5, 2 ** 52 + 0.5, 2 ** 53, 2 ** 62, 2 ** 63]
    .flatMap(
      (x) => [x, -x],
    ),
  2 ** 63 - 1024,
  -(2 ** 63) - 2048,
  5e-324,
  Number.MAX_VALUE,
  Infinity,
  -Infinity,
];

Deno.test("immediate integers survive at every edge of 48 bits", () => {
  for (const n of INT_EDGES) {
    assertStrictEquals(fitsImmediate(Number(n)), n >= -(1n << 47n) && n < 1n << 47n);
    setNumber(A, n);
    assert(isInt(I32[A + 1]));
    assertStrictEquals(isImmediate(I32[A + 1]), fitsImmediate(Number(n)));
    if (isImmediate(I32[A + 1])) assertStrictEquals(BigInt(immediate(A)), n);
    else {
      const box = I32[A] << 1;
      assertStrictEquals(BigInt(I32[box + 3]) << 32n | BigInt(I32[box + 2] >>> 0), n);
    }
  }
  fc.assert(fc.property(fc.integer(), (n) => {
    setInt32(A, n);
    setImmediate48(B, n);
    assertEquals([I32[A], I32[A + 1]], [I32[B], I32[B + 1]]);
    assertStrictEquals(immediate(A), n);
  }));
});

Deno.test("doubles survive, and every not-a-number is the one that is a double", () => {
  for (const x of FLOAT_EDGES) {
    setDouble(A, x);
    assert(isDouble(I32[A + 1]));
    assert(Object.is(F64[A >> 1], x));
    copyValue(B, A);
    assert(Object.is(F64[B >> 1], x));
  }
  // What hardware makes of 0.0 / 0.0, and the greatest bit pattern of a not-a-number: a tagged nil, if it were kept.
  for (const high of [0xFFF80000, 0x7FF80000, 0x7FFFFFFF, 0xFFFE0000]) {
    const bits = new DataView(new ArrayBuffer(8));
    bits.setUint32(0, high);
    setDouble(A, bits.getFloat64(0));
    assert(isDouble(I32[A + 1]));
    assertStrictEquals(kindName(A), "float");
    assert(Number.isNaN(F64[A >> 1]));
  }
  I32[A] = 0; // straight from the hardware, as machine code stores it
  I32[A + 1] = 0xFFF80000 | 0;
  assert(isDouble(I32[A + 1]));
  assert(Number.isNaN(F64[A >> 1]));
});

/** One value of each kind, with what `type` calls it. */
const KINDS: [string, (word: number) => void][] = [
  ["nil", setNil],
  ["bool", (word) => setBool(word, true)],
  ["int", (word) => setInt32(word, -1)],
  ["int", (word) => setNumber(word, 1n << 60n)],
  ["float", (word) => setDouble(word, -Infinity)],
  ["string", (word) => setObject(word, Kind.STRING, newStringLatin1("s"))],
  ["array", (word) => setObject(word, Kind.ARRAY, newArray(0))],
  ["map", (word) => setObject(word, Kind.MAP, newMap())],
  ["module", (word) => setObject(word, Kind.MODULE, newHandle(Kind.MODULE, 1))],
  ["function", (word) => setObject(word, Kind.NATIVE, newHandle(Kind.NATIVE, 1))],
  ["resource", (word) => setObject(word, Kind.RESOURCE, newHandle(Kind.RESOURCE, 1))],
];

Deno.test("each kind is told from every other", () => {
  assertStrictEquals(KIND_NAMES.length, Object.keys(Kind).length);
  KINDS.forEach(([name, store], i) => {
    store(A);
    assertStrictEquals(kindName(A), name);
    const high = I32[A + 1];
    const groups = [
      isDouble(high),
      isImmediate(high),
      isObject(high),
      high === HI_NIL,
      kindName(A) === "bool",
    ];
    assertStrictEquals(groups.filter(Boolean).length, 1, name);
    if (isObject(high)) assertStrictEquals(highWordOf(I32[A]), high);
    KINDS.forEach(([other, storeOther], j) => {
      storeOther(B);
      if (i !== j) assert(!equalValues(A, B), `${name} ${other}`);
      assertStrictEquals(isComparable(A, B), comparableNames(name, other), `${name} ${other}`);
    });
    copyValue(B, A);
    assert(equalValues(A, B), name);
  });
  assert(!isObject(HI_EMPTY) && !isDouble(HI_EMPTY) && !isImmediate(HI_EMPTY));
});

function comparableNames(a: string, b: string): boolean {
  const isNumber = (name: string) => name === "int" || name === "float";
  return a === "string" && b === "string" || isNumber(a) && isNumber(b);
}

Deno.test("isTruthy() is false for nil, false and zeros only", () => {
  for (const [name, store] of KINDS) {
    store(A);
    assertStrictEquals(isTruthy(A), name !== "nil");
  }
  setBool(A, false);
  assert(!isTruthy(A));
  for (const n of [...INT_EDGES, ...FLOAT_EDGES]) {
    setNumber(A, n);
    assertStrictEquals(isTruthy(A), Number(n) !== 0);
  }
  setDouble(A, NaN);
  assert(isTruthy(A));
});

/** The order of two numbers in exact arithmetic: JavaScript compares a bigint and a number exactly. */
function order(a: bigint | number, b: bigint | number): number {
  return a < b ? -1 : a > b ? 1 : a == b ? 0 : NaN;
}

function checkPair(a: bigint | number, b: bigint | number): void {
  setNumber(A, a);
  setNumber(B, b);
  const expected = order(a, b), text = `${a} ${b}`;
  assertStrictEquals(compareNumbers(A, B), expected, text);
  assertStrictEquals(equalValues(A, B), expected === 0, text);
  assertStrictEquals(lessThan(A, B), expected < 0, text);
  assertStrictEquals(lessEqual(A, B), expected <= 0, text);
}

Deno.test("numbers compare exactly at every edge", () => {
  const edges = [...INT_EDGES, ...FLOAT_EDGES, NaN];
  for (const a of edges) for (const b of edges) checkPair(a, b);
});

Deno.test("numbers compare exactly where a double would round", () => {
  const int = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
  fc.assert(fc.property(int, fc.integer({ min: -3, max: 3 }), (n, nudge) => {
    checkPair(n, Number(n));
    checkPair(Number(n), n);
    checkPair(n, BigInt.asIntN(64, n + BigInt(nudge)));
    checkPair(BigInt.asIntN(50, n), Number(BigInt.asIntN(50, n)) + nudge / 4);
  }));
  fc.assert(fc.property(int, fc.double(), checkPair));
});

Deno.test("strings are equal by content and ordered bytewise", () => {
  const text = fc.string({ unit: "binary-ascii", maxLength: 6 });
  fc.assert(fc.property(text, text, (a, b) => {
    setObject(A, Kind.STRING, newStringLatin1(a));
    setObject(B, Kind.STRING, newStringLatin1(b));
    assertStrictEquals(equalValues(A, B), a === b);
    assertStrictEquals(lessThan(A, B), a < b);
    assertStrictEquals(lessEqual(A, B), a <= b);
  }));
});
