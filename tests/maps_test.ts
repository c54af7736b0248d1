/** Maps, held to JavaScript's own: they too keep the order of insertion and may change while they are walked. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { STACK, views } from "../core/memory.ts";
import {
  copyValue,
  fitsImmediate,
  HI_INT64,
  HI_NIL,
  HI_STRING,
  immediate,
  isDouble,
  isImmediate,
  Kind,
  setBool,
  setDouble,
  setImmediate48,
  setInt32,
  setNil,
  setObject,
} from "../core/value.ts";
import { newArray, newInt64 } from "../core/heap.ts";
import { newStringLatin1, stringText } from "../core/strings.ts";
import {
  entryAfter,
  forEachEntry,
  isKey,
  mapCount,
  mapEntryCount,
  mapGet,
  mapGetString,
  mapHas,
  mapNext,
  mapPutString,
  mapRemove,
  mapSet,
  mapSetUnits,
  newMap,
  newMapFor,
} from "../core/maps.ts";

const { I32, F64 } = views;
const KEY = STACK, VALUE = STACK + 2, OUT = STACK + 4;

type Key = string | bigint | boolean | number;

/** Stores a key as a program would have it: strings, boxes anew each time. */
function setKey(word: number, key: Key): void {
  if (typeof key === "string") setObject(word, Kind.STRING, newStringLatin1(key));
  else if (typeof key === "boolean") setBool(word, key);
  else if (typeof key === "number") setDouble(word, key);
  else if (fitsImmediate(Number(key))) setImmediate48(word, Number(key));
  else {
    const low = Number(BigInt.asIntN(32, key)), high = Number(BigInt.asIntN(32, key >> 32n));
    setObject(word, Kind.INT64, newInt64(low, high));
  }
}

/** The key at a word, as it is stored: an integral float has become an integer. */
function keyAt(word: number): Key {
  const high = I32[word + 1];
  if (high === HI_STRING) return stringText(I32[word]);
  if (isImmediate(high)) return BigInt(immediate(word));
  if (isDouble(high)) return F64[word >> 1];
  if (high === HI_INT64) {
    const box = I32[word] << 1;
    return BigInt(I32[box + 3]) << 32n | BigInt(I32[box + 2] >>> 0);
  }
  return I32[word] === 1;
}

/** The form in which JavaScript tells two keys apart as the language does. */
function canonical(key: Key): Key {
  const integral = typeof key === "number" && Number.isInteger(key) && key >= -(2 ** 63) && key < 2 ** 63;
  return integral ? BigInt(key) : key;
}

function set(map: number, key: Key, value: number): void {
  setKey(KEY, key);
  setInt32(VALUE, value);
  mapSet(map, KEY, VALUE);
}

function get(map: number, key: Key): number | undefined {
  setKey(KEY, key);
  const word = mapGet(map, KEY);
  assertStrictEquals(mapHas(map, KEY), word !== 0);
  return word === 0 ? undefined : immediate(word);
}

function remove(map: number, key: Key): boolean {
  setKey(KEY, key);
  return mapRemove(map, KEY, OUT);
}

function keysOf(map: number): Key[] {
  const keys: Key[] = [];
  for (let state = 0; (state = mapNext(map, state, OUT)) !== -1;) keys.push(keyAt(OUT));
  return keys;
}

const key: fc.Arbitrary<Key> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 20 }).map(BigInt) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 20 }).map((n) => `w${n}`) },
  fc.constantFrom(true, false, "", 0.5, -0, 1, 2, Infinity, -Infinity, 1e300, 2 ** 47, -(2 ** 63), 2 ** 63),
  fc.constantFrom(2n ** 47n, 2n ** 47n - 1n, -(2n ** 47n), -(2n ** 47n) - 1n, -(2n ** 63n), 2n ** 32n, -1n),
);

const operation = fc.oneof(
  { weight: 5, arbitrary: fc.record({ op: fc.constant("set" as const), key, value: fc.nat(1000) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("remove" as const), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("get" as const), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("walk" as const) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("step" as const), walk: fc.nat(3) }) },
);

Deno.test("a map does what JavaScript's does, walks under way included", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300, size: "max" }), (operations) => {
      const map = newMap(), model = new Map<Key, number>();
      const walks: { state: number; model: IterableIterator<Key> }[] = [];
      for (const operation of operations) {
        switch (operation.op) {
          case "set":
            set(map, operation.key, operation.value);
            model.set(canonical(operation.key), operation.value);
            break;
          case "remove": {
            const name = canonical(operation.key), known = model.get(name);
            assertStrictEquals(remove(map, operation.key), model.delete(name));
            if (known === undefined) assertStrictEquals(I32[OUT + 1], HI_NIL);
            else assertStrictEquals(immediate(OUT), known);
            break;
          }
          case "get":
            assertStrictEquals(get(map, operation.key), model.get(canonical(operation.key)));
            break;
          case "walk":
            walks.push({ state: 0, model: model.keys() });
            break;
          case "step": {
            const walk = walks[operation.walk];
            if (walk === undefined || walk.state === -1) break;
            walk.state = mapNext(map, walk.state, OUT);
            const next = walk.model.next();
            assertStrictEquals(walk.state === -1, next.done ?? false);
            if (!next.done) assertStrictEquals(keyAt(OUT), next.value);
          }
        }
        assertStrictEquals(mapCount(map), model.size);
      }
      assertEquals(keysOf(map), [...model.keys()]);
      for (const [name, value] of model) assertStrictEquals(get(map, name), value);
    }),
    { numRuns: 400 },
  );
});

Deno.test("isKey() refuses nil, not-a-number and objects", () => {
  for (const name of ["s", 1n, 2n ** 60n, true, 1.5, Infinity] as Key[]) {
    setKey(KEY, name);
    assert(isKey(KEY));
  }
  setNil(KEY);
  assert(!isKey(KEY));
  setDouble(KEY, NaN);
  assert(!isKey(KEY));
  setObject(KEY, Kind.ARRAY, newArray(0));
  assert(!isKey(KEY));
  assertStrictEquals(mapGet(newMap(), KEY), 0);
});

Deno.test("a float key that equals an integer is that integer", () => {
  const map = newMap(), wide = 2 ** 60;
  set(map, 1, 10);
  set(map, -0, 20);
  set(map, wide, 30);
  assertEquals(keysOf(map), [1n, 0n, BigInt(wide)]);
  assertStrictEquals(get(map, 1n), 10);
  assertStrictEquals(get(map, 0), 20);
  assertStrictEquals(get(map, BigInt(wide)), 30);
  set(map, BigInt(wide), 31);
  set(map, 1n, 11);
  assertStrictEquals(mapCount(map), 3);
  assertStrictEquals(get(map, wide), 31);
  assertStrictEquals(get(map, "1"), undefined);
  assertStrictEquals(get(map, true), undefined);
});

Deno.test("mapGetString() and mapGet() find strings and integers side by side", () => {
  const map = newMap();
  for (let i = 0; i < 300; i++) {
    set(map, `w${i}`, i);
    set(map, BigInt(i) - 150n, i);
  }
  for (let i = 0; i < 310; i++) {
    const string = mapGetString(map, newStringLatin1(`w${i}`));
    assertStrictEquals(string === 0 ? -1 : immediate(string), i < 300 ? i : -1);
    setInt32(KEY, i - 150);
    const int = mapGet(map, KEY);
    assertStrictEquals(int === 0 ? -1 : immediate(int), i < 300 ? i : -1);
  }
});

Deno.test("mapSetUnits() is 2 unless the entries have to grow", () => {
  const map = newMap();
  let growths = 0;
  for (let i = 0; i < 1000; i++) {
    if (mapSetUnits(map) > 2) growths++;
    set(map, BigInt(i), i);
  }
  assertStrictEquals(growths, 8); // 8, 16, … 1024 entries
});

Deno.test("a map used as a queue stays small, and so does each walk to its head", () => {
  const map = newMap();
  const window = 100;
  for (let i = 0; i < 50_000; i++) {
    set(map, BigInt(i), i);
    if (i < window) continue;
    assert(mapNext(map, 0, OUT) !== -1);
    assertStrictEquals(keyAt(OUT), BigInt(i - window));
    assert(mapRemove(map, OUT, OUT));
  }
  assertStrictEquals(mapCount(map), window);
  assert(mapEntryCount(map) <= 256, `${mapEntryCount(map)} entries`);
});

Deno.test("removing all keys in order, each found by a walk from the start, is linear", () => {
  // Quadratic, this would take 2 * 10^10 steps.
  const map = newMap(), count = 200_000;
  set(map, "first, and here to stay", 0);
  for (let i = 0; i < count; i++) set(map, BigInt(i), i);
  for (let i = 0; i < count; i++) {
    const state = mapNext(map, 0, OUT);
    assert(mapNext(map, state, OUT) !== -1);
    assertStrictEquals(keyAt(OUT), BigInt(i));
    assert(mapRemove(map, OUT, OUT));
  }
  assertEquals(keysOf(map), ["first, and here to stay"]);
});

Deno.test("an emptied map begins anew, and a walk over it goes on", () => {
  const map = newMap();
  for (let i = 0; i < 100; i++) set(map, BigInt(i), i);
  const state = mapNext(map, 0, OUT);
  for (let i = 0; i < 100; i++) assert(remove(map, BigInt(i)));
  assertStrictEquals(mapEntryCount(map), 0);
  assertStrictEquals(mapNext(map, state, OUT), -1);
  set(map, "new", 1);
  assert(mapNext(map, state, OUT) !== -1);
  assertStrictEquals(keyAt(OUT), "new");
});

Deno.test("a walk survives that its entries move", () => {
  const map = newMap(), seen: Key[] = [];
  for (let i = 0; i < 64; i++) set(map, BigInt(i), i);
  let next = 64n;
  for (let state = 0; (state = mapNext(map, state, OUT)) !== -1;) {
    const current = keyAt(OUT) as bigint;
    seen.push(current);
    if (current < 48n) remove(map, current);
    // Now and then entries are full, and their holes are closed.
    if (current < 40n) set(map, next++, 0);
  }
  assertEquals(seen, Array.from({ length: Number(next) }, (_, i) => BigInt(i)));
});

Deno.test("numbers that end are dealt anew", () => {
  const map = newMap();
  for (let i = 0; i < 20; i++) set(map, BigInt(i), i);
  for (let i = 0; i < 20; i += 2) remove(map, BigInt(i));
  I32[(map << 1) + 7] = 0x7FFFFFFF - 3; // the next number, as after two billion insertions
  for (let i = 100; i < 140; i++) set(map, BigInt(i), i);
  const odd = Array.from({ length: 10 }, (_, i) => BigInt(2 * i + 1));
  assertEquals(keysOf(map), [...odd, ...Array.from({ length: 40 }, (_, i) => BigInt(100 + i))]);
});

Deno.test("forEachEntry() visits keys and values in order", () => {
  const map = newMap(), seen: [Key, number][] = [];
  set(map, "b", 1);
  set(map, "a", 2);
  remove(map, "b");
  set(map, "c", 3);
  forEachEntry(map, (keyWord, valueWord) => seen.push([keyAt(keyWord), immediate(valueWord)]));
  assertEquals(seen, [["a", 2], ["c", 3]]);
});

Deno.test("a map made for a number of keys grows beyond them, and is walked entry by entry", () => {
  for (let room = 0; room <= 9; room++) {
    for (let count = 0; count <= 20; count++) {
      const ref = newMapFor(room), expected = new Map<string, number>();
      for (let i = 0; i < count; i++) {
        const key = `key ${i % 15}`;
        setInt32(mapPutString(ref, newStringLatin1(key)), i);
        expected.set(key, i);
      }
      if (count > 3) {
        setKey(KEY, "key 1");
        mapRemove(ref, KEY, OUT);
        expected.delete("key 1");
      }
      const found: [Key, number][] = [];
      for (let entry = entryAfter(ref, 0); entry !== 0; entry = entryAfter(ref, entry)) {
        found.push([keyAt(entry), immediate(entry + 2)]);
      }
      assertEquals(found, [...expected], `${count} keys in room for ${room}`);
      assertStrictEquals(mapCount(ref), expected.size);
    }
  }
});

Deno.test("a map of a million integers", () => {
  const map = newMap(), count = 1_000_000;
  for (let i = 0; i < count; i++) {
    setInt32(KEY, i * 7);
    copyValue(VALUE, KEY);
    mapSet(map, KEY, VALUE);
  }
  for (let i = 0; i < count; i += 3) {
    setInt32(KEY, i * 7);
    assert(mapRemove(map, KEY, OUT));
  }
  let steps = 0;
  for (let state = 0; (state = mapNext(map, state, OUT)) !== -1;) steps++;
  assertStrictEquals(steps, mapCount(map));
  assertStrictEquals(steps, count - Math.ceil(count / 3));
});
