/** Strings of the heap: how they are made, read, appended to, hashed and compared. */

import { assert, assertEquals, assertNotEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { views } from "../core/memory.ts";
import { HeapExhausted, unitsOf } from "../core/heap.ts";
import {
  appendBytes,
  byteString,
  compareStrings,
  concat,
  concatUnits,
  equalStrings,
  extendString,
  extendUnits,
  hashString,
  newStringBytes,
  newStringLatin1,
  newStringText,
  prependBytes,
  sliceString,
  stringBytes,
  stringLength,
  stringStart,
  stringText,
  stringView,
} from "../core/strings.ts";

const { I32 } = views;

/** Ref of the BYTES object that holds the string's bytes; 0 when they are inline. */
function bufferOf(ref: number): number {
  const start = I32[(ref << 1) + 3];
  return start === ref + 2 ? 0 : start - 1;
}

const bytes = fc.uint8Array({ maxLength: 200 });
const binary = fc.uint8Array({ maxLength: 9, max: 2 });

Deno.test("newStringBytes() keeps any bytes", () => {
  fc.assert(fc.property(bytes, (content) => {
    const ref = newStringBytes(content);
    assertEquals(stringBytes(ref), content);
    assertEquals(stringView(ref), content);
    assertStrictEquals(stringLength(ref), content.length);
  }));
});

Deno.test("stringText() reads what newStringText() wrote", () => {
  for (const text of ["", "a", "héllo", "\0", "\uFEFFbom", "😀".repeat(40), "x".repeat(100_000)]) {
    const ref = newStringText(text);
    assertStrictEquals(stringText(ref), text);
    assertStrictEquals(stringLength(ref), new TextEncoder().encode(text).length);
  }
  assertStrictEquals(stringText(newStringLatin1("caf\xE9")), "caf\uFFFD");
  assertStrictEquals(stringText(newStringText("\uD800")), "\uFFFD");
});

Deno.test("concat() joins bytes and leaves its operands alone", () => {
  fc.assert(fc.property(fc.array(bytes, { maxLength: 12 }), fc.nat(), (parts, seed) => {
    // Every string made so far may be extended again, so that buffers have older owners.
    const made = [{ ref: newStringBytes(new Uint8Array(0)), text: "" }];
    parts.forEach((part, i) => {
      const from = made[(seed >> i) & 1 ? made.length - 1 : (seed + i) % made.length];
      const units = concatUnits(from.ref, newStringBytes(part));
      const ref = concat(from.ref, newStringBytes(part));
      assert(ref === from.ref || unitsOf(ref) <= units);
      made.push({ ref, text: from.text + String.fromCharCode(...part) });
    });
    for (const { ref, text } of made) {
      assertStrictEquals(String.fromCharCode(...stringBytes(ref)), text);
      assert(equalStrings(ref, newStringLatin1(text)));
      assertStrictEquals(hashString(ref), hashString(newStringLatin1(text)));
    }
  }));
});

Deno.test("concat() in a loop copies only when the buffer doubles", () => {
  const one = newStringLatin1("x");
  let ref = one, buffers = 0, last = 0;
  for (let i = 1; i < 200_000; i++) {
    const units = concatUnits(ref, one);
    ref = concat(ref, one);
    const buffer = bufferOf(ref);
    if (buffer !== last) {
      buffers++;
      last = buffer;
      assertStrictEquals(unitsOf(ref) + unitsOf(buffer), units);
    } else if (buffer !== 0) assertStrictEquals(units, 2);
  }
  assertStrictEquals(stringLength(ref), 200_000);
  assert(stringView(ref).every((byte) => byte === 120));
  assert(buffers <= 13, `${buffers} buffers`);
});

Deno.test("concat() appends in place for the newest owner only", () => {
  const base = concat(newStringLatin1("a".repeat(60)), newStringLatin1("b".repeat(10)));
  const left = concat(base, newStringLatin1("left"));
  const right = concat(base, newStringLatin1("right"));
  assertStrictEquals(bufferOf(left), bufferOf(base));
  assertNotEquals(bufferOf(right), bufferOf(base));
  assertStrictEquals(stringText(left), "a".repeat(60) + "b".repeat(10) + "left");
  assertStrictEquals(stringText(right), "a".repeat(60) + "b".repeat(10) + "right");
});

Deno.test("concat() gives back the operand that the other adds nothing to", () => {
  const empty = newStringLatin1(""), word = newStringLatin1("word");
  assertStrictEquals(concat(word, empty), word);
  assertStrictEquals(concat(empty, word), word);
});

Deno.test("extendString() refuses more than 2^31 - 1 bytes", () => {
  assertThrows(() => extendString(newStringLatin1("x"), 0x7FFFFFFF), HeapExhausted);
});

Deno.test("extendUnits() bounds what any shorter extension takes", () => {
  for (let length = 0; length < 90; length++) {
    for (
      const ref of [
        newStringLatin1("y".repeat(length)),
        concat(newStringLatin1("y".repeat(70)), byteString(121)),
      ]
    ) {
      for (let extra = 1; extra < 24; extra++) assert(extendUnits(ref, extra) >= extendUnits(ref, extra - 1));
    }
  }
});

Deno.test("appendBytes() and prependBytes() take a part of an array", () => {
  const digits = new Uint8Array([49, 50, 51, 52]);
  assertStrictEquals(stringText(appendBytes(newStringLatin1("w"), digits, 3)), "w123");
  assertStrictEquals(stringText(prependBytes(digits, 2, newStringLatin1("w"))), "12w");
});

Deno.test("byteString() makes each one-byte string once", () => {
  for (let byte = 0; byte < 256; byte++) {
    assertEquals(stringBytes(byteString(byte)), new Uint8Array([byte]));
    assertStrictEquals(byteString(byte), byteString(byte));
  }
});

Deno.test("sliceString() cuts bytes", () => {
  fc.assert(fc.property(bytes, fc.nat(200), fc.nat(200), (content, a, b) => {
    const from = Math.min(a, b, content.length), to = Math.min(Math.max(a, b), content.length);
    const slice = sliceString(newStringBytes(content), from, to);
    assertEquals(stringBytes(slice), content.slice(from, to));
  }));
});

Deno.test("strings compare by their bytes, whatever lies behind them", () => {
  const either = fc.oneof(binary, bytes);
  fc.assert(
    fc.property(either, either, fc.nat(12), (a, b, common) => {
      const prefix = new Uint8Array(common).fill(7);
      const x = newStringBytes(new Uint8Array([...prefix, ...a]));
      const y = newStringBytes(new Uint8Array([...prefix, ...b]));
      // Garbage behind the last byte, as an older owner of a buffer has it.
      for (const ref of [x, y]) {
        const end = stringStart(ref) + stringLength(ref);
        views.U8.fill(common * 37, end, (end + 7) & ~7);
      }
      const expected = compareArrays(a, b);
      assertStrictEquals(Math.sign(compareStrings(x, y)), expected);
      assertStrictEquals(equalStrings(x, y), expected === 0);
      if (expected === 0) assertStrictEquals(hashString(x), hashString(y));
      assertStrictEquals(equalStrings(x, y), expected === 0); // hashes known, too
    }),
    { numRuns: 1000 },
  );
});

function compareArrays(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  return Math.sign(a.length - b.length);
}

Deno.test("hashString() spreads names that differ little", () => {
  const families = [
    (i: number) => `w${i}`,
    (i: number) => `a_rather_long_common_prefix_${i}`,
    (i: number) => `${i}_and_a_common_suffix`,
    (i: number) => "x".repeat(i),
    (i: number) => String.fromCharCode(i & 255, i >> 8),
  ];
  for (const name of families) {
    const slots = new Set<number>(), all = new Set<number>();
    for (let i = 0; i < 500; i++) {
      const hash = hashString(newStringLatin1(name(i)));
      assertNotEquals(hash, 0);
      slots.add(hash & 1023);
      all.add(hash);
    }
    assertStrictEquals(all.size, 500);
    // 500 balls thrown at random into 1024 boxes fill 395, give or take 9.
    assert(slots.size > 340, `${name(1)}: ${slots.size} of 1024 slots`);
  }
});
