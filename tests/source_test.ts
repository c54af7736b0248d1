import { assertEquals } from "@std/assert";
import { decodeSource, decodeText, encodeText, makeSource } from "../core/source.ts";

function decode(...bytes: number[]) {
  return decodeSource("t.unna", new Uint8Array(bytes));
}

Deno.test("position() counts lines and columns from 1", () => {
  const source = makeSource("t.unna", "ab\ncd\r\n\nx");
  assertEquals(source.position(0), { line: 1, column: 1 });
  assertEquals(source.position(2), { line: 1, column: 3 });
  assertEquals(source.position(3), { line: 2, column: 1 });
  assertEquals(source.position(7), { line: 3, column: 1 });
  assertEquals(source.position(8), { line: 4, column: 1 });
  assertEquals(source.position(99), { line: 4, column: 2 });
  assertEquals(source.position(-1), { line: 1, column: 1 });
});

Deno.test("position() counts characters, whatever their encoding", () => {
  const source = makeSource("t.unna", "é😀x");
  assertEquals(source.position(1).column, 2);
  assertEquals(source.position(3).column, 3);
  assertEquals(source.position(4).column, 4);
});

Deno.test("position() answers alike in any order of questions", () => {
  const source = makeSource("t.unna", "a😀b\n😀c");
  const offsets = [7, 1, 3, 4, 0, 7, 5, 3];
  const fresh = offsets.map((offset) => makeSource("t.unna", source.text).position(offset));
  assertEquals(offsets.map((offset) => source.position(offset)), fresh);
});

Deno.test("position() is quick on one very long line", () => {
  const source = makeSource("t.unna", "x".repeat(2_000_000));
  for (let offset = 0; offset < 2_000_000; offset += 10) source.position(offset);
  assertEquals(source.position(1_999_999).column, 2_000_000);
});

Deno.test("lineText() gives a line without its line break", () => {
  const source = makeSource("t.unna", "ab\r\ncd\n");
  assertEquals([0, 1, 2, 3, 4].map((line) => source.lineText(line)), ["", "ab", "cd", "", ""]);
  assertEquals([...source.lineStarts], [0, 4, 7]);
  assertEquals(makeSource("t.unna", "").lineText(1), "");
});

Deno.test("lineStarts() grows with the file", () => {
  const source = makeSource("t.unna", "\n".repeat(5000));
  assertEquals(source.lineStarts.length, 5001);
  assertEquals(source.position(4321), { line: 4322, column: 1 });
});

Deno.test("makeSource() and decodeSource() skip a byte order mark at the start only", () => {
  assertEquals(makeSource("t.unna", "\uFEFFa\uFEFF").text, "a\uFEFF");
  assertEquals(decode(0xEF, 0xBB, 0xBF, 0x61).source.text, "a");
});

Deno.test("decodeSource() points at the first malformed byte", () => {
  assertEquals(decode(0x61, 0xC3, 0xA9).invalid, null);
  assertEquals(decode(0x61, 0x0A, 0x62, 0xFF, 0x63).invalid, { offset: 3, byte: 0xFF });
  assertEquals(decode(0xEF, 0xBB, 0xBF, 0xC3, 0xA9, 0x80).invalid, { offset: 1, byte: 0x80 });
  assertEquals(decode(0x61, 0xE2, 0x82).invalid, { offset: 1, byte: 0xE2 });
});

Deno.test("decodeSource() accepts a genuine U+FFFD", () => {
  assertEquals(decode(0xEF, 0xBF, 0xBD).invalid, null);
  assertEquals(decode(0xEF, 0xBF, 0xBD, 0xED, 0xA0, 0x80).invalid, { offset: 1, byte: 0xED });
});

Deno.test("decodeSource() reads short and long files alike, whatever stands at their end", () => {
  for (const length of [0, 1, 4095, 4096, 4097, 70_000]) {
    const ascii = new Uint8Array(length).fill(0x61), text = "a".repeat(length);
    assertEquals(decode(...ascii).invalid, null);
    assertEquals(decode(...ascii).source.text, text);
    assertEquals(decode(...ascii, 0xC3, 0xA9).source.text, text + "é");
    assertEquals(decode(...ascii, 0x80).invalid, { offset: length, byte: 0x80 });
  }
});

Deno.test("encodeText() and decodeText() are each other's reverse", () => {
  for (
    const text of ["", "a", "é", "a".repeat(40) + "é", "a".repeat(41), "a".repeat(5000), "😀".repeat(2000)]
  ) {
    assertEquals(encodeText(text), new TextEncoder().encode(text));
    assertEquals(decodeText(encodeText(text)), text);
  }
});
