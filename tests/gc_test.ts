/** The collector: what is reachable survives unharmed, all else is used again, and a full heap is an error. */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { MEMORY_BYTES, STACK, views } from "../core/memory.ts";
import {
  copyValue,
  HI_NIL,
  immediate,
  Kind,
  setBool,
  setDouble,
  setInt32,
  setNil,
  setObject,
} from "../core/value.ts";
import {
  allocate,
  appendItem,
  growthUnits,
  HeapExhausted,
  heapStats,
  itemWord,
  newArray,
  newCell,
  newFunction,
  newFuture,
  newInt64,
  newStruct,
  newStructType,
  safepoint,
  setCollector,
  setHeapLimit,
  setStress,
} from "../core/heap.ts";
import { collect } from "../core/gc.ts";
import {
  byteString,
  concat,
  concatUnits,
  newString,
  newStringLatin1,
  stringLength,
  stringText,
  stringUnits,
  stringView,
  visitStringRoots,
} from "../core/strings.ts";
import { mapCount, mapGet, mapRemove, mapSet, mapSetUnits, newMap } from "../core/maps.ts";
import { valueToDisplay } from "../core/text.ts";

const { I32 } = views;
const MIB = 1024 * 1024;
const DEFAULT_LIMIT = 1024 * MIB;

/** The registers of these tests are their only roots, but for the strings that live as long as the process. */
const REGISTERS = 64;
const register = (n: number) => STACK + 2 * n;

setCollector(() =>
  collect((marker) => {
    marker.visitValues(STACK, register(REGISTERS));
    visitStringRoots(marker);
  })
);

/** Collects now, whatever the heap thinks of it. */
function collectNow(): void {
  setStress(true);
  safepoint(0);
  setStress(false);
}

/** A test with registers of its own: nothing else is alive when it begins. */
function heapTest(name: string, body: () => void): void {
  Deno.test(name, () => {
    for (let n = 0; n < REGISTERS; n++) setNil(register(n));
    setHeapLimit(DEFAULT_LIMIT);
    collectNow();
    try {
      body();
    } finally {
      setStress(false);
      setHeapLimit(DEFAULT_LIMIT);
    }
  });
}

/** Fills whatever was freed with garbage that no test expects. */
function churn(bytes: number): void {
  for (let done = 0; done < bytes;) {
    const units = 2 + done % 61;
    safepoint(units);
    const word = allocate(Kind.BYTES, units) << 1;
    for (let i = 1; i < units * 2; i++) I32[word + i] = -1;
    done += units * 8;
  }
}

/** A generator of small numbers that is the same in every run. */
function newRandom(seed: number): (below: number) => number {
  return (below) => {
    seed = Math.imul(seed ^ seed >>> 15, 0x2C1B3C6D) + 0x9E3779B1 | 0;
    return (seed >>> 8) % below;
  };
}

/** How deep {@linkcode buildValue} nests what it builds. */
const DEPTH = 6;

/** Stores a random value of any kind that prints, at most `depth` containers deep. Uses registers from `free` on. */
function buildValue(to: number, depth: number, random: (below: number) => number, free: number): void {
  safepoint(16);
  const count = depth === DEPTH ? 5 : random(5);
  const kind = depth === DEPTH ? 6 + random(3) : random(depth > 0 ? 9 : 5);
  switch (kind) {
    case 0:
      return setInt32(to, random(1000));
    case 1:
      return setDouble(to, random(1000) / 8);
    case 2:
      return setBool(to, random(2) === 1);
    case 3:
      return setObject(to, Kind.INT64, newInt64(random(1000), 0x10000 + random(1000)));
    case 4:
      return setObject(to, Kind.STRING, newStringLatin1("s".repeat(random(60))));
    case 5: {
      // A string that shares its buffer.
      setObject(register(free), Kind.STRING, newStringLatin1("p".repeat(64)));
      for (let i = 0; i <= count; i++) {
        const part = byteString(97 + i);
        safepoint(concatUnits(I32[register(free)], part));
        setObject(register(free), Kind.STRING, concat(I32[register(free)], part));
      }
      return copyValue(to, register(free));
    }
    case 6: {
      setObject(register(free), Kind.ARRAY, newArray(0));
      for (let i = 0; i < count; i++) {
        buildValue(register(free + 1), depth - 1, random, free + 2);
        const array = I32[register(free)];
        safepoint(growthUnits(array, i + 1));
        appendItem(array, register(free + 1));
      }
      return copyValue(to, register(free));
    }
    case 7: {
      setObject(register(free), Kind.MAP, newMap());
      for (let i = 0; i < count * 3; i++) {
        buildValue(register(free + 1), 0, random, free + 3);
        if (I32[register(free + 1) + 1] === HI_NIL) continue;
        buildValue(register(free + 2), depth - 1, random, free + 3);
        const map = I32[register(free)];
        safepoint(mapSetUnits(map));
        mapSet(map, register(free + 1), register(free + 2));
        if (random(4) === 0) mapRemove(map, register(free + 1), register(free + 2));
      }
      return copyValue(to, register(free));
    }
    case 8: {
      const fields = ["x", "y", "z"].map(newStringLatin1);
      setObject(register(free), Kind.STRUCT_TYPE, newStructType(newStringLatin1("P"), fields));
      for (let i = 1; i <= 3; i++) buildValue(register(free + i), depth - 1, random, free + 4);
      safepoint(4);
      setObject(to, Kind.STRUCT, newStruct(I32[register(free)], register(free + 1)));
    }
  }
}

heapTest("collect() leaves what is reachable as it was", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = newRandom(seed);
    for (let n = 0; n < 4; n++) buildValue(register(n), DEPTH, random, 4);
    const texts = [0, 1, 2, 3].map((n) => valueToDisplay(register(n)));
    for (let round = 0; round < 3; round++) {
      for (let n = 4; n < REGISTERS; n++) setNil(register(n));
      collectNow();
      churn(MIB / 4);
    }
    assertEquals([0, 1, 2, 3].map((n) => valueToDisplay(register(n))), texts);
  }
});

heapTest("a collection at every safepoint changes nothing", () => {
  const { collections } = heapStats();
  for (let seed = 1; seed <= 12; seed++) {
    const texts = [false, true].map((stress) => {
      setStress(stress);
      buildValue(register(0), DEPTH, newRandom(seed), 1);
      return valueToDisplay(register(0));
    });
    assertStrictEquals(texts[0], texts[1]);
  }
  assert(heapStats().collections - collections > 1000);
});

heapTest("each kind keeps alive what it refers to", () => {
  const hidden = () => {
    setObject(register(1), Kind.STRING, newStringLatin1("hidden"));
    return register(1);
  };
  const strings: number[] = [];
  const keep = (n: number, kind: number, ref: number) => setObject(register(n), kind, ref);

  keep(2, Kind.CELL, newCell(hidden()));
  strings.push(I32[register(1)]);

  const withCell = newFunction(0, 1);
  I32[(withCell << 1) + 4] = newCell(hidden());
  strings.push(I32[register(1)]);
  // A proto: one constant, then its words, of which the first is its ref.
  const proto = allocate(Kind.PROTO, 3), words = (proto << 1) + 4;
  I32[(proto << 1) + 1] = 1;
  copyValue((proto << 1) + 2, hidden());
  strings.push(I32[register(1)]);
  I32[words] = proto;
  I32[(withCell << 1) + 1] = words;
  keep(3, Kind.FUNCTION, withCell);

  const future = newFuture(7);
  copyValue((future << 1) + 2, hidden());
  strings.push(I32[register(1)]);
  keep(4, Kind.FUTURE, future);

  const type = newStructType(newStringLatin1("hidden"), [newStringLatin1("hidden")]);
  strings.push(I32[(type << 1) + 2], I32[(type << 1) + 4]);
  setNil(register(1));
  const instance = newStruct(type, register(1));
  keep(5, Kind.STRUCT, instance);

  strings.push(byteString(104));
  collectNow();
  churn(MIB);
  assertEquals(strings.map(stringText), ["hidden", "hidden", "hidden", "hidden", "hidden", "hidden", "h"]);
  assertStrictEquals(I32[(future << 1) + 4], 7);
});

heapTest("cycles are collected, and do not trap the collector", () => {
  const before = heapStats().live;
  for (let i = 0; i < 1000; i++) {
    setObject(register(0), Kind.ARRAY, newArray(2));
    appendItem(I32[register(0)], register(0));
    setObject(register(1), Kind.MAP, newMap());
    appendItem(I32[register(0)], register(1));
    setInt32(register(2), i);
    mapSet(I32[register(1)], register(2), register(0));
  }
  collectNow();
  assert(heapStats().live < before + 1024);
  setNil(register(0));
  setNil(register(1));
  collectNow();
  assertStrictEquals(heapStats().live, before);
});

heapTest("a list of a million elements is marked without recursion", () => {
  for (let i = 0; i < 1_000_000; i++) {
    safepoint(5);
    setObject(register(1), Kind.ARRAY, newArray(1));
    appendItem(I32[register(1)], register(0));
    copyValue(register(0), register(1));
  }
  collectNow();
  let length = 0;
  for (let word = register(0); I32[word + 1] !== HI_NIL; word = itemWord(I32[word], 0)) length++;
  assertStrictEquals(length, 1_000_000);
});

heapTest("garbage is used again: a small heap outlives ten times its size", () => {
  setHeapLimit(8 * MIB);
  setObject(register(0), Kind.STRING, newStringLatin1("still here"));
  const { collections, allocated } = heapStats();
  churn(80 * MIB);
  assert(heapStats().allocated - allocated >= 80 * MIB);
  assert(heapStats().collections - collections < 40);
  assertStrictEquals(stringText(I32[register(0)]), "still here");
});

heapTest("gaps between survivors are used before the heap counts as full", () => {
  setHeapLimit(8 * MIB);
  setObject(register(0), Kind.ARRAY, newArray(0));
  // A survivor in each KiB or so: no block is free, and yet most of the heap is.
  for (let i = 0; i < 7 * 1024; i++) {
    const list = I32[register(0)];
    safepoint(growthUnits(list, i + 1));
    setInt32(register(1), i);
    appendItem(list, register(1));
  }
  for (let i = 0; i < 7 * 1024; i++) {
    churn(1000);
    safepoint(2);
    setObject(itemWord(I32[register(0)], i), Kind.INT64, newInt64(i, 1 << 20));
  }
  const { collections } = heapStats();
  churn(60 * MIB);
  assert(heapStats().collections - collections < 40, `${heapStats().collections - collections} collections`);
  for (let i = 0; i < 7 * 1024; i++) {
    assertStrictEquals(I32[(I32[itemWord(I32[register(0)], i)] << 1) + 2], i);
  }
});

heapTest("large objects are freed as a whole and their blocks used again", () => {
  setHeapLimit(16 * MIB);
  safepoint(stringUnits(MIB));
  setObject(register(0), Kind.STRING, newString(MIB));
  stringView(I32[register(0)]).fill(65);
  for (let i = 0; i < 200; i++) {
    const size = MIB + i * 10_000;
    safepoint(stringUnits(size));
    setObject(register(1), Kind.STRING, newString(size));
    stringView(I32[register(1)]).fill(66);
  }
  assertStrictEquals(stringLength(I32[register(0)]), MIB);
  assert(stringView(I32[register(0)]).every((byte) => byte === 65));
  setNil(register(0));
  setNil(register(1));
  collectNow();
  assert(heapStats().live < MIB);
});

heapTest("a full heap is HeapExhausted, and usable again once there is garbage", () => {
  setHeapLimit(4 * MIB);
  setObject(register(0), Kind.ARRAY, newArray(0));
  assertThrows(() => {
    for (let i = 0;; i++) {
      safepoint(10 + growthUnits(I32[register(0)], i + 1));
      setObject(register(1), Kind.STRING, newStringLatin1("0123456789".repeat(6)));
      appendItem(I32[register(0)], register(1));
    }
  }, HeapExhausted);
  assertThrows(() => newString(5 * MIB), HeapExhausted);
  const array = I32[register(0)];
  assertStrictEquals(stringLength(I32[itemWord(array, 0)]), 60);
  setNil(register(0));
  setNil(register(1));
  safepoint(stringUnits(2 * MIB));
  assertStrictEquals(stringLength(newString(2 * MIB)), 2 * MIB);
});

heapTest("a heap that is all but full is given up before collecting is all there is to do", () => {
  setHeapLimit(16 * MIB);
  /** Lengthens a list that is kept. */
  const keep = (bytes: number) => {
    for (let done = 0; done < bytes; done += 16) {
      safepoint(2);
      setObject(register(0), Kind.CELL, newCell(register(0)));
    }
  };
  keep(15.4 * MIB);
  const { collections } = heapStats();
  // Nearly all that follows is garbage, so there would be hundreds of collections that each free a little.
  assertThrows(() => {
    for (;;) {
      churn(16 * 1024);
      keep(256);
    }
  }, HeapExhausted);
  const more = heapStats().collections - collections;
  assert(more < 50, `${more} collections`);
});

heapTest("appending to a string that is almost all of the heap does not collect each time", () => {
  setObject(register(0), Kind.STRING, newString(16 * MIB));
  const { collections } = heapStats();
  for (let i = 0; i < 10_000; i++) {
    const part = byteString(65 + i % 26);
    safepoint(concatUnits(I32[register(0)], part));
    setObject(register(0), Kind.STRING, concat(I32[register(0)], part));
  }
  assert(heapStats().collections - collections <= 2);
  assertStrictEquals(stringLength(I32[register(0)]), 16 * MIB + 10_000);
});

heapTest("a map survives collections while it grows and shrinks", () => {
  setObject(register(0), Kind.MAP, newMap());
  const map = () => I32[register(0)];
  for (let i = 0; i < 3000; i++) {
    setStress(i % 50 === 0);
    safepoint(8);
    setObject(register(1), Kind.STRING, newStringLatin1(`w${i}`));
    setInt32(register(2), i);
    safepoint(mapSetUnits(map()));
    mapSet(map(), register(1), register(2));
    if (i % 3 === 0) mapRemove(map(), register(1), register(3));
  }
  setStress(false);
  collectNow();
  churn(MIB);
  assertStrictEquals(mapCount(map()), 2000);
  for (let i = 0; i < 3000; i++) {
    setObject(register(1), Kind.STRING, newStringLatin1(`w${i}`));
    const word = mapGet(map(), register(1));
    assertStrictEquals(word === 0 ? -1 : immediate(word), i % 3 === 0 ? -1 : i);
  }
});

heapTest("setHeapLimit() refuses what cannot be", () => {
  for (const bytes of [0, MIB - 1, NaN, MEMORY_BYTES]) assertThrows(() => setHeapLimit(bytes), RangeError);
});

heapTest("the time to mark 66 MB is reported", () => {
  // 2.4 million objects: structs, and a boxed integer in each.
  setObject(register(0), Kind.ARRAY, newArray(1_200_000));
  const type = newStructType(newStringLatin1("P"), ["x", "y", "z"].map(newStringLatin1));
  setObject(register(1), Kind.STRUCT_TYPE, type);
  setInt32(register(2), 1);
  setInt32(register(3), 2);
  for (let i = 0; i < 1_200_000; i++) {
    safepoint(6);
    setObject(register(4), Kind.INT64, newInt64(i, 1 << 20));
    setObject(register(5), Kind.STRUCT, newStruct(I32[register(1)], register(2)));
    appendItem(I32[register(0)], register(5));
  }
  const { pauseTotal } = heapStats();
  collectNow();
  const { live, pauseTotal: total } = heapStats();
  console.log(`  ${(live / MIB).toFixed(0)} MiB live marked in ${(total - pauseTotal).toFixed(0)} ms`);
  assert(live > 60 * MIB);
});
