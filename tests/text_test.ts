/** The text of values: what `print`, `+`, `str` and `join` show. */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { STACK, views } from "../core/memory.ts";
import {
  copyValue,
  fitsImmediate,
  Kind,
  setBool,
  setDouble,
  setImmediate48,
  setInt32,
  setNil,
  setObject,
} from "../core/value.ts";
import {
  appendItem,
  newArray,
  newFunction,
  newFuture,
  newHandle,
  newInt64,
  newStruct,
  newStructType,
  unitsOf,
} from "../core/heap.ts";
import { concat, newStringBytes, newStringLatin1, newStringText, stringText } from "../core/strings.ts";
import { mapRemove, mapSet, newMap } from "../core/maps.ts";
import {
  concatText,
  concatTextUnits,
  newSink,
  setNames,
  textOf,
  textString,
  textUnits,
  valueToDisplay,
  writeText,
} from "../core/text.ts";

const { I32 } = views;
const register = (n: number) => STACK + 2 * n;
const A = register(0), B = register(1), C = register(2);

setNames({
  functionName: (proto) => `f${proto}`,
  nativeName: (index) => ["print", "größe"][index],
  moduleName: (index) => `./module${index}.unna`,
});

type Item = null | boolean | number | bigint | string | Item[];

/** Stores a value of TypeScript: bigints are integers, numbers floats. Uses registers from `free` on. */
function setItem(to: number, item: Item, free: number): void {
  if (item === null) setNil(to);
  else if (typeof item === "boolean") setBool(to, item);
  else if (typeof item === "number") setDouble(to, item);
  else if (typeof item === "string") setObject(to, Kind.STRING, newStringText(item));
  else if (typeof item === "bigint") setInt(to, item);
  else {
    const array = newArray(0);
    for (const element of item) {
      setItem(register(free), element, free + 1);
      appendItem(array, register(free));
    }
    setObject(to, Kind.ARRAY, array);
  }
}

function setInt(to: number, n: bigint): void {
  if (fitsImmediate(Number(n))) return setImmediate48(to, Number(n));
  const low = Number(BigInt.asIntN(32, n)), high = Number(BigInt.asIntN(32, n >> 32n));
  setObject(to, Kind.INT64, newInt64(low, high));
}

function textOfItem(item: Item): string {
  setItem(A, item, 10);
  return valueToDisplay(A);
}

Deno.test("plain values print as the language says", () => {
  const rows: [Item, string][] = [
    [null, "nil"],
    [true, "true"],
    [false, "false"],
    [0n, "0"],
    [-1n, "-1"],
    [9223372036854775807n, "9223372036854775807"],
    [-9223372036854775808n, "-9223372036854775808"],
    [1.5, "1.5"],
    [2, "2"],
    [-0, "-0"],
    [NaN, "nan"],
    ['raw " text', 'raw " text'],
    [[], "[]"],
    [[1n, "x", null, [true, [0.1]]], "[1, x, nil, [true, [0.1]]]"],
  ];
  for (const [item, text] of rows) assertStrictEquals(textOfItem(item), text);
});

Deno.test("integers print in decimal at every length", () => {
  for (let power = 1n; power < 1n << 62n; power *= 10n) {
    for (const n of [power - 1n, power, power + 1n, power * 7n]) {
      assertStrictEquals(textOfItem(n), String(n));
      assertStrictEquals(textOfItem(-n), String(-n));
    }
  }
  for (let bits = 0n; bits < 63n; bits++) {
    assertStrictEquals(textOfItem(-(1n << bits)), String(-(1n << bits)));
  }
  fc.assert(fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), fc.nat(63), (n, shift) => {
    assertStrictEquals(textOfItem(n >> BigInt(shift)), String(n >> BigInt(shift)));
  }));
});

Deno.test("objects with names ask for them", () => {
  const type = newStructType(newStringLatin1("Point"), [newStringLatin1("x"), newStringLatin1("y")]);
  setInt32(B, 1);
  setItem(C, "two", 10);
  const rows: [number, number, string][] = [
    [Kind.STRUCT_TYPE, type, "<struct Point>"],
    [Kind.STRUCT, newStruct(type, B), "Point {x: 1, y: two}"],
    [Kind.STRUCT, newStruct(newStructType(newStringLatin1("Unit"), []), B), "Unit {}"],
    [Kind.FUNCTION, newFunction(12, 0), "<fn f12>"],
    [Kind.NATIVE, newHandle(Kind.NATIVE, 1), "<fn größe>"],
    [Kind.MODULE, newHandle(Kind.MODULE, 3), "<module ./module3.unna>"],
    [Kind.FUTURE, newFuture(1), "<future>"],
    [Kind.RESOURCE, newHandle(Kind.RESOURCE, 1), "<resource>"],
  ];
  for (const [kind, ref, text] of rows) {
    setObject(A, kind, ref);
    assertStrictEquals(valueToDisplay(A), text);
  }
});

Deno.test("maps print in the order of insertion", () => {
  const map = newMap();
  setObject(C, Kind.MAP, map);
  assertStrictEquals(valueToDisplay(C), "{}");
  const entries: [Item, Item][] = [["gone", 0n], ["a", 1n], [2n, "b"], [true, null], [0.5, [1n]], [
    1n << 60n,
    7,
  ]];
  for (const [key, value] of entries) {
    setItem(A, key, 10);
    setItem(B, value, 10);
    mapSet(map, A, B);
  }
  setItem(A, "gone", 10);
  mapRemove(map, A, B);
  assertStrictEquals(valueToDisplay(C), "{a: 1, 2: b, true: nil, 0.5: [1], 1152921504606846976: 7}");
});

Deno.test("strings are bytes, whatever they contain", () => {
  const bytes = new Uint8Array([0, 255, 128, 10, 65]);
  setObject(A, Kind.STRING, newStringBytes(bytes));
  assertEquals(textOf(A), bytes);
  assertStrictEquals(textString(A), I32[A]);
  assertStrictEquals(textUnits(A), 0);
});

Deno.test("a cycle prints ... in its place, what is merely shared prints in full", () => {
  const shared = newArray(0), outer = newArray(0);
  setInt32(B, 1);
  appendItem(shared, B);
  setObject(B, Kind.ARRAY, shared);
  appendItem(outer, B);
  appendItem(outer, B);
  setObject(A, Kind.ARRAY, outer);
  assertStrictEquals(valueToDisplay(A), "[[1], [1]]");
  appendItem(outer, A);
  appendItem(shared, A);
  for (let twice = 0; twice < 2; twice++) {
    assertStrictEquals(valueToDisplay(A), "[[1, ...], [1, ...], ...]");
    assertStrictEquals(valueToDisplay(B), "[1, [..., ..., ...]]");
  }
  const map = newMap();
  setObject(C, Kind.MAP, map);
  setItem(A, "self", 10);
  mapSet(map, A, C);
  assertStrictEquals(valueToDisplay(C), "{self: ...}");
  assertStrictEquals(unitsOf(map), 4);
});

Deno.test("a structure nested 100,000 deep prints", () => {
  const depth = 100_000;
  setObject(A, Kind.ARRAY, newArray(0));
  setItem(C, "k", 10);
  for (let i = 1; i < depth; i++) {
    if (i % 2 === 0) {
      const array = newArray(1);
      appendItem(array, A);
      setObject(A, Kind.ARRAY, array);
    } else {
      const map = newMap();
      mapSet(map, C, A);
      setObject(A, Kind.MAP, map);
    }
  }
  const text = valueToDisplay(A), pairs = depth / 2;
  assertStrictEquals(text, "{k: [".repeat(pairs - 1) + "{k: []}" + "]}".repeat(pairs - 1));
});

Deno.test("writeText() leaves no trace when it fails on the way", () => {
  setItem(A, [1n, [2n, [3n]]], 10);
  const text = valueToDisplay(A);
  const failing = newSink(0);
  Object.defineProperty(failing, "length", {
    get: () => 0,
    set: () => {
      throw new RangeError("no room");
    },
  });
  assertThrows(() => writeText(A, failing), RangeError, "no room");
  assertStrictEquals(valueToDisplay(A), text);
});

Deno.test("writeText() appends to what a sink holds", () => {
  const sink = newSink(1);
  for (const item of ["ab", 12n, [1.5]] as Item[]) {
    setItem(A, item, 10);
    writeText(A, sink);
  }
  assertStrictEquals(new TextDecoder().decode(sink.bytes.subarray(0, sink.length)), "ab12[1.5]");
});

const item: fc.Arbitrary<Item> = fc.oneof(
  fc.constantFrom<Item[]>(null, true, false),
  fc.double(),
  fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  fc.integer().map(BigInt),
  fc.string({ maxLength: 90 }),
  fc.array(fc.integer().map(BigInt), { maxLength: 30 }),
);

Deno.test("concatText() and textString() make the text of their operands, within the units they ask for", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 90 }), item, fc.boolean(), (string, other, shared) => {
      const text = textOfItem(other);
      setItem(A, string, 10);
      setItem(B, other, 10);
      if (shared) setObject(A, Kind.STRING, concat(I32[A], newStringLatin1("+".repeat(70))));
      const own = stringText(I32[A]);
      for (const [x, y, expected] of [[A, B, own + text], [B, A, text + own]] as const) {
        const units = concatTextUnits(x, y), ref = concatText(x, y);
        assertStrictEquals(stringText(ref), expected);
        assert(ref === I32[x] || ref === I32[y] || unitsUsed(ref, I32[x]) <= units);
      }
      const units = textUnits(B), ref = textString(B);
      assertStrictEquals(stringText(ref), text);
      assert(ref === I32[B] || unitsUsed(ref, 0) <= units);
    }),
    { numRuns: 1000 },
  );
});

/** Units of a new string, with its buffer unless that is also the one of `old`. */
function unitsUsed(ref: number, old: number): number {
  const start = I32[(ref << 1) + 3];
  const inline = start === ref + 2, sharedWithOld = old !== 0 && start === I32[(old << 1) + 3];
  return unitsOf(ref) + (inline || sharedWithOld ? 0 : unitsOf(start - 1));
}

Deno.test("concatText() leaves the string that it extends alone", () => {
  setItem(A, "w".repeat(80), 10);
  setInt32(B, 12);
  const first = concatText(A, B);
  setObject(A, Kind.STRING, first);
  setInt32(B, 34);
  const second = concatText(A, B), third = concatText(A, B);
  copyValue(C, A);
  assertStrictEquals(stringText(first), "w".repeat(80) + "12");
  assertStrictEquals(stringText(second), "w".repeat(80) + "1234");
  assertStrictEquals(stringText(third), "w".repeat(80) + "1234");
});
